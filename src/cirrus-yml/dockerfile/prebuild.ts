import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { PrebuiltImageInstanceSchema } from '../../rpc/gen/cirrus_ci_instances_pb.ts';
import {
  CloneInstructionSchema,
  type Command,
  CommandSchema,
  Platform,
  ScriptInstructionSchema,
  type Task,
  TaskSchema,
} from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { NumberedTask } from '../dependencies.ts';
import type { Report } from '../report.ts';
import type { Instance } from '../task/instance.ts';
import type { TaskDraft } from '../task/task-draft.ts';
import { compareBytes } from '../variables.ts';
import { hashDockerfile, type SourceFiles } from './hash-dockerfile.ts';

/** What an instance that is built from a Dockerfile says about it. */
interface ImageBuild {
  readonly dockerfile: string;
  readonly at: number;
  readonly args: Readonly<Record<string, string>>;
  readonly platform: Platform;
  /** The part of the message that takes the name of the built image. */
  readonly target: { image: string };
}

/** A task that builds an image before the tasks that use it. */
export interface Prebuild {
  readonly id: number;
  readonly name: string;
  readonly hash: string;
  /** The first task that uses the image; it lends its variables and time limit. */
  readonly draft: TaskDraft;
  readonly build: ImageBuild;
}

const REPOSITORY = 'cirrus-ci-community';
/** The hosted service's own registry: part of the format. */
const REGISTRY = 'gcr.io';

function imageName(hash: string): string {
  return `${REGISTRY}/${REPOSITORY}/${hash}:latest`;
}

/** The Dockerfile of an instance, if it has one. */
export function imageBuildOf(instance: Instance | undefined): ImageBuild | undefined {
  if (instance?.tag === 'container' && instance.message.dockerfile !== '') {
    const { message, at } = instance;
    const { dockerfile, dockerArguments: args, platform, dockerfileAt = at } = message;
    return { dockerfile, at: dockerfileAt, args, platform, target: message };
  }
  const type = instance?.tag === 'worker' ? instance.message.isolation?.type : undefined;
  if (instance?.tag !== 'worker' || type?.case !== 'container' || type.value.dockerfile === '') return undefined;
  const { dockerfile, dockerArguments: args, platform } = type.value;
  return { dockerfile, at: instance.dockerfileAt ?? instance.at, args, platform, target: type.value };
}

function sortedArguments(args: Readonly<Record<string, string>>): (readonly [string, string])[] {
  return Object.entries(args).sort(([left], [right]) => compareBytes(left, right));
}

function nameOf({ dockerfile, args }: ImageBuild): string {
  return ['Prebuild', dockerfile, ...sortedArguments(args).map(([name, value]) => `${name}=${value}`)].join(' ');
}

/**
 * Finds the images that tasks want to have built, one task for each distinct one, numbered from `nextId`. Writes the
 * name of the image into the instances. The result maps ids of tasks to what builds their image.
 */
export function planPrebuilds(
  tasks: readonly NumberedTask[],
  nextId: number,
  files: SourceFiles,
  report: Report,
): ReadonlyMap<number, Prebuild> {
  const byHash = new Map<string, Prebuild>();
  const byTask = new Map<number, Prebuild>();
  const known = new Map<string, ReturnType<typeof hashDockerfile>>(); // variants of a matrix mostly share an image
  for (const { id, draft } of tasks) {
    const build = imageBuildOf(draft.instance);
    if (build === undefined) continue;
    const { at, dockerfile: path, args } = build;
    const variables = draft.scope.variables.own();
    const relevant = ['CIRRUS_ARCH', 'CIRRUS_DOCKER_CONTEXT'].map((name) => variables.get(name) ?? '');
    const key = JSON.stringify([path, args, relevant]);
    if (!known.has(key)) known.set(key, hashDockerfile(files, { path, args, variables }));
    const hashed = known.get(key);
    if (hashed === undefined) {
      report.error(at, `the Dockerfile "${path}" cannot be read`, 'paths count from the folder of this file');
      continue;
    }
    for (const source of hashed.missing) {
      report.warning(
        at,
        `"${path}" copies "${source}", which cannot be read`,
        'its contents do not count for the image',
      );
    }
    const { hash } = hashed;
    const prebuild = byHash.get(hash) ?? { id: nextId + byHash.size, name: nameOf(build), hash, draft, build };
    build.target.image = imageName(hash);
    byHash.set(hash, prebuild);
    byTask.set(id, prebuild);
  }
  return byTask;
}

function script(name: string, line: string): Command {
  const value = create(ScriptInstructionSchema, { scripts: [line] });
  return create(CommandSchema, { name, instruction: { case: 'scriptInstruction', value } });
}

/** The message of the task that builds an image; `index` is its position among the tasks that are kept. */
export function assemblePrebuild(prebuild: Prebuild, index: number, uniqueLabels: readonly string[]): Task {
  const { id, name, hash, draft, build } = prebuild;
  const { dockerfile, platform, args } = build;
  const flags = sortedArguments(args).map(([key, value]) => ` --build-arg ${key}="${value}"`);
  const context = platform === Platform.WINDOWS ? '.' : '${CIRRUS_DOCKER_CONTEXT:-$CIRRUS_WORKING_DIR}';
  const instance = create(PrebuiltImageInstanceSchema, {
    repository: `${REPOSITORY}/${hash}`,
    reference: 'latest',
    platform,
    dockerfile,
    arguments: { ...args },
  });
  const clone = { case: 'cloneInstruction' as const, value: create(CloneInstructionSchema) };
  return create(TaskSchema, {
    localGroupId: BigInt(id),
    name,
    environment: Object.fromEntries(draft.scope.variables.own()),
    metadata: {
      uniqueLabels: [...uniqueLabels],
      properties: {
        allow_failures: 'false',
        experimental: 'false',
        trigger_type: 'AUTOMATIC',
        skip_notifications: 'true',
        timeout_in: String(draft.timeLimitSeconds),
        indexWithinBuild: String(index),
      },
    },
    commands: [
      create(CommandSchema, { name: 'clone', instruction: clone }),
      script('build', `docker build --tag ${imageName(hash)} --file ${dockerfile}${flags.join('')} ${context}`),
      script('push', `gcloud docker -- push ${imageName(hash)}`),
    ],
    instance: anyPack(PrebuiltImageInstanceSchema, instance),
  });
}
