import { create } from '@bufbuild/protobuf';
import { type MacOSInstance, MacOSInstanceSchema } from '../../rpc/gen/cirrus_ci_instances_pb.ts';
import {
  Architecture,
  type ContainerInstance,
  ContainerInstanceSchema,
  Platform,
} from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { Entry } from '../yaml/node.ts';
import { additionalContainers } from './additional-containers.ts';
import { type FieldReader, type FieldTable, field, fieldsOf, readFields, reportKind } from './reader.ts';
import { objectSchema, TEXT } from './schemas.ts';
import type { Scope } from './scope.ts';
import { text } from './texts.ts';
import { amount, memory, shortNumber } from './values.ts';
import { expandedMap, rawMap } from './variable-map.ts';

const DEFAULT_CPU = 2;
const DEFAULT_MEMORY_MB = 4096;

/** The message with the place of its Dockerfile, where complaints about building it belong. */
export interface ContainerDraft extends ContainerInstance {
  dockerfileAt: number | undefined;
}

/** What has an image, either ready or to be built from a Dockerfile; the later key wins. */
interface Imaged {
  image: string;
  dockerfile: string;
  dockerfileAt: number | undefined;
}

/** An image that is named takes the place of a Dockerfile above it. */
export function imageField<Target extends Imaged>(): FieldReader<Target> {
  return field(TEXT, (entry, scope, target) => {
    target.image = text(entry, scope) ?? '';
    target.dockerfile = '';
    target.dockerfileAt = undefined;
  });
}

export function dockerfileField<Target extends Imaged>(): FieldReader<Target> {
  return field(TEXT, (entry, scope, target) => {
    target.dockerfile = text(entry, scope) ?? '';
    target.dockerfileAt = entry.at;
  });
}

/** A key that was meant for the hosted service; its value changes nothing here. */
const ignored: FieldReader<unknown> = field({}, () => {});

const container = fieldsOf<ContainerDraft>();

const CONTAINER: FieldTable<ContainerDraft> = {
  image: imageField(),
  dockerfile: dockerfileField(),
  docker_arguments: container('dockerArguments', expandedMap),
  cpu: container('cpu', amount),
  memory: container('memory', memory),
  additional_containers: container('additionalContainers', additionalContainers),
  kvm: ignored,
  registry_config: ignored,
  use_in_memory_disk: ignored,
  use_static_ip: ignored,
};

const WINDOWS: FieldTable<ContainerDraft> = {
  image: imageField(),
  dockerfile: dockerfileField(),
  docker_arguments: container('dockerArguments', rawMap),
  cpu: container('cpu', amount),
  memory: container('memory', memory),
  os_version: container('osVersion', text),
  use_static_ip: ignored,
};

function readInto<Target>(entry: Entry, table: FieldTable<Target>, scope: Scope, target: Target): Target {
  const { key, value } = entry;
  if (value.kind === 'map') readFields(value, table, `"${key}"`, scope, target);
  else if (value.kind === 'list' || value.text !== '') reportKind(entry, 'a map', scope);
  return target;
}

/** Reads `container`, `arm_container` or `windows_container`. */
export function readContainer(entry: Entry, scope: Scope): ContainerDraft {
  const isWindows = entry.key === 'windows_container';
  const target: ContainerDraft = Object.assign(create(ContainerInstanceSchema), { dockerfileAt: undefined });
  if (isWindows) Object.assign(target, { platform: Platform.WINDOWS, osVersion: '2019' });
  if (entry.key === 'arm_container') target.architecture = Architecture.ARM64;
  readInto(entry, isWindows ? WINDOWS : CONTAINER, scope, target);
  target.cpu ||= DEFAULT_CPU;
  target.memory ||= DEFAULT_MEMORY_MB;
  if (target.dockerfile === '') target.dockerArguments = {};
  if (target.image === '' && target.dockerfile === '') {
    scope.report.warning(entry.at, `"${entry.key}" has neither an image nor a Dockerfile`, 'add image: NAME');
  }
  return target;
}

const macos = fieldsOf<MacOSInstance>();

const MACOS: FieldTable<MacOSInstance> = {
  image: macos('image', text),
  user: macos('user', text),
  password: macos('password', text),
  cpu: macos('cpu', shortNumber),
  memory: macos('memory', memory),
};

export function readMacos(entry: Entry, scope: Scope): MacOSInstance {
  const defaults = { user: 'admin', password: 'admin', cpu: 4, memory: 8192 };
  return readInto(entry, MACOS, scope, create(MacOSInstanceSchema, defaults));
}

/** An instance may be left empty, which erases the one of the root. */
const OR_EMPTY = { type: ['object', 'null'] };

/** Schemas of the instance fields that are read here. */
export const CONTAINER_SCHEMAS = {
  container: objectSchema(CONTAINER, OR_EMPTY),
  arm_container: objectSchema(CONTAINER, OR_EMPTY),
  windows_container: objectSchema(WINDOWS, OR_EMPTY),
  macos_instance: objectSchema(MACOS, OR_EMPTY),
} as const;
