import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { SourceFiles } from '../../src/cirrus-yml/dockerfile/hash-dockerfile.ts';
import { parseConfiguration } from '../../src/cirrus-yml/parse-configuration.ts';
import { readVariables } from '../../src/cirrus-yml/read-variables.ts';
import { tasksToJson } from '../../src/cirrus-yml/tasks-json.ts';

const FOLDER = resolve(import.meta.dir, '../conformance');
const CASES = resolve(FOLDER, 'cirrus-yml');
const files = readdirSync(CASES);
const names = files.filter((name) => name.endsWith('.yml')).map((name) => name.slice(0, -'.yml'.length));

function read(name: string): string {
  return readFileSync(resolve(CASES, name), 'utf8');
}

function environmentOf(name: string): Readonly<Record<string, string>> {
  return files.includes(`${name}.env`) ? readVariables(read(`${name}.env`)).variables : {};
}

/** The files that stand beside a configuration, from a YAML map of paths to contents. */
function filesOf(name: string): SourceFiles {
  const contents = files.includes(`${name}.fc`) ? readVariables(read(`${name}.fc`)).variables : {};
  return {
    read: (path) => {
      const text = contents[path];
      return text === undefined ? undefined : { tag: 'file', bytes: new TextEncoder().encode(text) };
    },
  };
}

describe('the reference finds the same tasks', () => {
  test.each(names)('%s', (name) => {
    const input = { text: read(`${name}.yml`), environment: environmentOf(name), files: filesOf(name) };
    const { tasks, problems } = parseConfiguration(input);
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(tasksToJson(tasks)).toEqual(JSON.parse(read(`${name}.json`)));
  });

  test('all of them are tried', () => expect(names).toHaveLength(64));
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
