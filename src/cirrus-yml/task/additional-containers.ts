import { create } from '@bufbuild/protobuf';
import {
  type AdditionalContainer,
  AdditionalContainerSchema,
  type PortMapping,
  PortMappingSchema,
} from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { MapNode } from '../yaml/node.ts';
import { condition } from './condition-field.ts';
import { type FieldTable, field, fieldsOf, type Reader, reader, readFields, reportKind } from './reader.ts';
import { objectSchema, TEXT, TEXTS, VARIABLES } from './schemas.ts';
import type { Scope } from './scope.ts';
import { scriptLines } from './scripts.ts';
import { splitWords } from './split-words.ts';
import { placedTexts, text } from './texts.ts';
import { amount, memory } from './values.ts';
import { variableMap } from './variable-map.ts';

const DEFAULT_CPU = 0.5;
const DEFAULT_MEMORY_MB = 512;
const MAX_PORT = 65_535;

function portNumber(digits: string | undefined): number {
  const port = /^\d+$/.test(digits ?? '') ? Number(digits) : Number.NaN;
  return port <= MAX_PORT ? port : Number.NaN;
}

/** `5432`, or `HOST:CONTAINER` as in `15432:5432`. */
const ports: Reader<PortMapping[]> = reader(TEXTS, (entry, scope) =>
  placedTexts(entry, scope)?.flatMap((item) => {
    const parts = item.text.split(':').map(portNumber);
    const [containerPort = Number.NaN, hostPort = 0] = parts.reverse();
    if (parts.length <= 2 && !parts.some(Number.isNaN)) return [create(PortMappingSchema, { containerPort, hostPort })];
    scope.report.error(item.at, `"${item.text}" is not a port`, 'write PORT or HOST_PORT:CONTAINER_PORT');
    return [];
  }),
);

const command: Reader<string[]> = reader(TEXT, (entry, scope) => {
  const words = splitWords(text(entry, scope) ?? '');
  if (words === undefined) scope.report.error(entry.at, `"${entry.key}" has a quote that is not closed`);
  return words;
});

const container = fieldsOf<AdditionalContainer>();

const variables = field<AdditionalContainer>(VARIABLES, (entry, scope, target) => {
  Object.assign(target.environment, Object.fromEntries(variableMap(entry, scope) ?? []));
});

const ADDITIONAL_CONTAINER: FieldTable<AdditionalContainer> = {
  name: container('name', text),
  image: container('image', text),
  environment: variables,
  env: variables,
  port: container('ports', ports),
  ports: container('ports', ports),
  cpu: container('cpu', amount),
  memory: container('memory', memory),
  command: container('command', command),
  readiness_command: container('readinessCommand', scriptLines),
  privileged: container('privileged', condition),
};

function readOne(map: MapNode, scope: Scope): AdditionalContainer {
  const { report } = scope;
  const target = create(AdditionalContainerSchema);
  readFields(map, ADDITIONAL_CONTAINER, 'an additional container', scope, target);
  const keys = new Set(map.entries.map(({ key }) => key));
  if (target.image === '') report.error(map.at, 'the additional container has no "image"', 'add image: NAME');
  if (!/^\p{L}+$/u.test(target.name)) {
    report.error(map.at, `"${target.name}" cannot name an additional container`, 'write letters only');
  } else if (target.name === 'main') {
    report.error(map.at, 'an additional container cannot be named "main"', 'the container of the task is called so');
  }
  if (keys.has('port') && keys.has('ports')) {
    report.error(map.at, 'the additional container has both "port" and "ports"', 'write one of them');
  }
  target.cpu ||= DEFAULT_CPU;
  target.memory ||= DEFAULT_MEMORY_MB;
  return target;
}

const SCHEMA = { type: 'array', items: objectSchema(ADDITIONAL_CONTAINER) };

/** Containers that run beside the one of the task: a list of maps. */
export const additionalContainers: Reader<AdditionalContainer[]> = reader(SCHEMA, (entry, scope) => {
  if (entry.value.kind !== 'list') return reportKind(entry, 'a list of maps', scope);
  return entry.value.items.flatMap((item) => {
    if (item.kind === 'map') return [readOne(item, scope)];
    scope.report.error(item.at, 'an additional container must be a map', 'write name: NAME and image: IMAGE');
    return [];
  });
});
