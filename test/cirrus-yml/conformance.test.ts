import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseConfiguration } from '../../src/cirrus-yml/parse-configuration.ts';
import { readVariables } from '../../src/cirrus-yml/read-variables.ts';
import { tasksToJson } from '../../src/cirrus-yml/tasks-json.ts';

const FOLDER = resolve(import.meta.dir, '../conformance');
const CASES = resolve(FOLDER, 'cirrus-yml');
const files = readdirSync(CASES);
const names = files.filter((name) => name.endsWith('.yml')).map((name) => name.slice(0, -'.yml'.length));

/** Cases that the present language refuses with an error, by what they ask for. Take a name out when it works. */
const NOT_YET: Readonly<Record<string, readonly string[]>> = {
  'container and arm_container': [
    'additional-container-port-and-ports-are-optional',
    'arm-container',
    'cache-fingerprint-key',
    'cache-optimistic-restore',
    'dependency-on-disabled-only-if-task',
    'depends-on-env-list-expansion',
    'depends-on-expansion',
    'example-android',
    'example-mysql',
    'example-rust',
    'no-always-override',
    'via-rpc--allow-failures',
    'via-rpc--artifacts-simple',
    'via-rpc--cache-simpleGradle',
    'via-rpc--cache-simpleYarn',
    'via-rpc--condition-branch',
    'via-rpc--condition-cancelation',
    'via-rpc--condition-global',
    'via-rpc--condition-masterBranch',
    'via-rpc--environment-complex',
    'via-rpc--environment-complex3',
    'via-rpc--environment-complex5',
    'via-rpc--environment-simple',
    'via-rpc--file-kaniko',
    'via-rpc--matrix-complex',
    'via-rpc--matrix-depends_on',
    'via-rpc--matrix-env',
    'via-rpc--matrix-nested',
    'via-rpc--new-collectible-env-merging-to-map',
    'via-rpc--new-collectible-property-deprioritize',
    'via-rpc--new-collectible-property-instances-are-evaluated-at-the-end',
    'via-rpc--new-deduplicator-different-type',
    'via-rpc--new-duplicate-task-names-are-kept',
    'via-rpc--new-env-map-with-list-values',
    'via-rpc--new-non-standard-list-merging',
    'via-rpc--new-only-if-with-nonexistent-env-var',
    'via-rpc--new-script-with-ambiguous-list-of-maps',
    'via-rpc--new-virtual-node-is-deepcopied',
    'via-rpc--simple-additionalContainers',
    'via-rpc--simple-registryConfigs',
    'via-rpc--simple-taskAliasDependencies',
    'yaml-12-booleans-only',
    'yaml-merge-collectible',
    'yaml-merge-sequence',
    'yaml-scripts-merging',
  ],
  docker_builder: [
    'via-rpc--docker_build-basic',
    'via-rpc--docker_build-matrix',
    'via-rpc--new-docker-builder-cache-is-uploaded',
  ],
  pipe: ['pipe-cache', 'upload-caches', 'via-rpc--pipe-matrix', 'via-rpc--pipe-simple'],
  'images built from a Dockerfile': [
    'via-rpc--container_build-complexArguments',
    'via-rpc--container_build-context',
    'via-rpc--container_build-dockerfile-override',
    'via-rpc--dockerfile-ambiguity',
    'via-rpc--new-docker-arguments-as-list',
    'via-rpc--new-persistent-worker-isolation-container',
  ],
};
const gaps = Object.values(NOT_YET).flat();

function read(name: string): string {
  return readFileSync(resolve(CASES, name), 'utf8');
}

function environmentOf(name: string): Readonly<Record<string, string>> {
  return files.includes(`${name}.env`) ? readVariables(read(`${name}.env`)).variables : {};
}

function holds(name: string): boolean {
  const { tasks } = parseConfiguration({ text: read(`${name}.yml`), environment: environmentOf(name) });
  return Bun.deepEquals(tasksToJson(tasks), JSON.parse(read(`${name}.json`)));
}

describe('the reference finds the same tasks', () => {
  test.each(names.filter((name) => !gaps.includes(name)))('%s', (name) => {
    const { tasks, problems } = parseConfiguration({ text: read(`${name}.yml`), environment: environmentOf(name) });
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(tasksToJson(tasks)).toEqual(JSON.parse(read(`${name}.json`)));
  });
});

describe('what is not supported yet is refused, not misread', () => {
  test.each(gaps)('%s', (name) => {
    expect(names).toContain(name);
    expect(holds(name)).toBe(false); // it holds: take it out of the list above
    const { tasks, problems } = parseConfiguration({ text: read(`${name}.yml`), environment: environmentOf(name) });
    expect(tasks).toEqual([]);
    expect(problems.some(({ severity }) => severity === 'error')).toBe(true);
  });
});

/** Names of variables and labels that stem from the instance itself. */
const OF_INSTANCE = /^(CIRRUS_OS|container)(:|$)/;

interface TaskJson {
  instance?: unknown;
  environment?: Record<string, string>;
  metadata: { uniqueLabels?: string[] };
}

function withoutInstance(tasks: unknown): unknown {
  return (tasks as TaskJson[]).map(({ instance: _, environment = {}, metadata, ...rest }) => ({
    ...rest,
    environment: Object.fromEntries(Object.entries(environment).filter(([name]) => !OF_INSTANCE.test(name))),
    metadata: { ...metadata, uniqueLabels: metadata.uniqueLabels?.filter((label) => !OF_INSTANCE.test(label)) ?? [] },
  }));
}

describe('everything but the instance is right already: the same files with workers in place of containers', () => {
  test.each(NOT_YET['container and arm_container'] ?? [])('%s', (name) => {
    const text = read(`${name}.yml`).replaceAll(/\b(arm_)?container:/g, 'persistent_worker:');
    const { tasks } = parseConfiguration({ text, environment: environmentOf(name) });
    expect(withoutInstance(tasksToJson(tasks))).toEqual(withoutInstance(JSON.parse(read(`${name}.json`))));
  });
});

describe('the configurations of the persistent worker guide are understood', () => {
  const guide = readFileSync(resolve(FOLDER, 'persistent-workers.md'), 'utf8');
  const blocks = [...guide.matchAll(/```yaml\n(.*?)```/gs)].map(([, block]) => block ?? '');
  const configurations = blocks.filter((block) => /^task:/m.test(block));

  test('all of them are tried', () => expect(configurations).toHaveLength(5));

  test.each(configurations.map((text, index) => [index + 1, text]))('number %d', (_number, text) => {
    const { tasks, problems } = parseConfiguration({ text, environment: {} });
    expect(problems).toEqual([]);
    expect(tasks.length).toBeGreaterThan(0);
  });
});
