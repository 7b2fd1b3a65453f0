import { create } from '@bufbuild/protobuf';
import { nearest } from '../../lib/nearest.ts';
import {
  type Isolation,
  type Isolation_Container,
  Isolation_ContainerSchema,
  type Isolation_Parallels,
  Isolation_ParallelsSchema,
  type Isolation_Tart,
  Isolation_TartSchema,
  type Isolation_Vetu,
  Isolation_Vetu_HostSchema,
  Isolation_VetuSchema,
  IsolationSchema,
  Platform,
} from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { Entry } from '../yaml/node.ts';
import { condition } from './condition-field.ts';
import { dockerfileField, imageField } from './container.ts';
import { type FieldTable, fieldsOf, type Reader, reader, readFields, reportKind } from './reader.ts';
import { type JsonSchema, objectSchema } from './schemas.ts';
import type { Scope } from './scope.ts';
import { text } from './texts.ts';
import { amount, memory, platform, shortNumber, wholeNumber } from './values.ts';
import { expandedMap } from './variable-map.ts';
import { containerVolumes, tartVolumes } from './volumes.ts';

/** An isolation and the system that it is known to run, for `CIRRUS_OS`. No message means the bare worker. */
interface ChosenIsolation {
  readonly message: Isolation | undefined;
  readonly os: string | undefined;
  /** Of the key that names the Dockerfile to build the image from. */
  readonly dockerfileAt?: number | undefined;
}

const NETWORKING: JsonSchema = { type: 'object', properties: { host: {} }, additionalProperties: false };

const vetuNetworking: Reader<Isolation_Vetu['networking']> = reader(NETWORKING, (entry, scope) => {
  const { value, at } = entry;
  const [kind, ...more] = value.kind === 'map' ? value.entries.map(({ key }) => key) : [];
  if (kind === 'host' && more.length === 0) return { case: 'host', value: create(Isolation_Vetu_HostSchema) };
  scope.report.error(at, '"networking" knows the kind "host" only', 'write networking: {host: {}}, or leave it out');
  return undefined;
});

const tart = fieldsOf<Isolation_Tart>();
const TART: FieldTable<Isolation_Tart> = {
  image: tart('image', text),
  user: tart('user', text),
  password: tart('password', text),
  port: tart('port', shortNumber),
  cpu: tart('cpu', wholeNumber),
  memory: tart('memory', memory),
  softnet: tart('softnet', condition),
  display: tart('display', text),
  volumes: tart('volumes', tartVolumes),
};

const vetu = fieldsOf<Isolation_Vetu>();
const VETU: FieldTable<Isolation_Vetu> = {
  image: vetu('image', text),
  user: vetu('user', text),
  password: vetu('password', text),
  port: vetu('port', shortNumber),
  cpu: vetu('cpu', wholeNumber),
  memory: vetu('memory', memory),
  disk_size: vetu('diskSize', shortNumber),
  networking: vetu('networking', vetuNetworking),
};

const parallels = fieldsOf<Isolation_Parallels>();
const PARALLELS: FieldTable<Isolation_Parallels> = {
  image: parallels('image', text),
  user: parallels('user', text),
  password: parallels('password', text),
  platform: parallels('platform', platform),
};

type ContainerDraft = Isolation_Container & { dockerfileAt: number | undefined };

const container = fieldsOf<ContainerDraft>();
const CONTAINER: FieldTable<ContainerDraft> = {
  image: imageField(),
  cpu: container('cpu', amount),
  memory: container('memory', memory),
  volumes: container('volumes', containerVolumes),
  dockerfile: dockerfileField(),
  docker_arguments: container('dockerArguments', expandedMap),
  platform: container('platform', platform),
};

/** Reads the keys of one type; it cannot start without an image. */
function readType<Target>(entry: Entry, table: FieldTable<Target>, scope: Scope, target: Target): Target {
  const { key, at, value } = entry;
  if (value.kind !== 'map') {
    reportKind(entry, 'a map', scope);
    return target;
  }
  if (!value.entries.some((item) => item.key === 'image' || item.key === 'dockerfile')) {
    scope.report.error(at, `the isolation "${key}" has no image`, 'add image: NAME');
  }
  return readFields(value, table, `the isolation "${key}"`, scope, target);
}

/** Defaults that workers expect to find written out. */
const LOGIN = { user: 'admin', password: 'admin' };
const CONTAINER_CPU = 2;
const CONTAINER_MEMORY_MB = 4096;

function chosen(type: Isolation['type'], os?: string): ChosenIsolation {
  const message = create(IsolationSchema);
  message.type = type;
  return { message, os };
}

type TypeReader = (entry: Entry, scope: Scope) => ChosenIsolation;

const TYPES: Readonly<Record<string, TypeReader>> = {
  none: () => ({ message: undefined, os: undefined }),
  container: (entry, scope) => {
    const draft: ContainerDraft = Object.assign(create(Isolation_ContainerSchema), { dockerfileAt: undefined });
    const { dockerfileAt, ...value } = readType(entry, CONTAINER, scope, draft);
    value.cpu ||= CONTAINER_CPU;
    value.memory ||= CONTAINER_MEMORY_MB;
    if (value.dockerfile === '') value.dockerArguments = {};
    return { ...chosen({ case: 'container', value }), dockerfileAt };
  },
  tart: (entry, scope) => {
    const value = readType(entry, TART, scope, create(Isolation_TartSchema, LOGIN));
    return chosen({ case: 'tart', value }, 'darwin');
  },
  vetu: (entry, scope) => {
    const value = readType(entry, VETU, scope, create(Isolation_VetuSchema, LOGIN));
    return chosen({ case: 'vetu', value });
  },
  parallels: (entry, scope) => {
    const value = readType(entry, PARALLELS, scope, create(Isolation_ParallelsSchema));
    return chosen({ case: 'parallels', value }, Platform[value.platform].toLowerCase());
  },
};

export const ISOLATION_SCHEMA: JsonSchema = {
  type: 'object',
  properties: {
    none: {},
    container: objectSchema(CONTAINER),
    tart: objectSchema(TART),
    vetu: objectSchema(VETU),
    parallels: objectSchema(PARALLELS),
  },
  additionalProperties: false,
  minProperties: 1,
};

/** Reads `isolation`; of several types, such as one from the root and another from the task, the last one counts. */
export const isolation: Reader<ChosenIsolation> = reader(ISOLATION_SCHEMA, (entry, scope) => {
  const { value, at } = entry;
  const known = Object.keys(TYPES);
  if (value.kind !== 'map') return reportKind(entry, `a map with one of ${known.join(', ')}`, scope);
  let last: ChosenIsolation | undefined;
  for (const type of value.entries) {
    const read = Object.hasOwn(TYPES, type.key) ? TYPES[type.key] : undefined;
    const guess = nearest(type.key, known);
    const hint = guess === undefined ? `known isolations: ${known.join(', ')}` : `did you mean "${guess}"?`;
    if (read === undefined) scope.report.error(type.at, `there is no isolation "${type.key}"`, hint);
    else last = read(type, scope);
  }
  for (const { key, at: lostAt } of value.entries.slice(0, -1)) {
    const winner = value.entries.at(-1)?.key;
    if (key !== winner) scope.report.warning(lostAt, `"${key}" is not used: "${winner}" takes its place`, 'keep one');
  }
  if (value.entries.length > 0) return last;
  scope.report.error(at, '"isolation" names no type', `write one of ${known.join(', ')}, or leave it out`);
  return undefined;
});
