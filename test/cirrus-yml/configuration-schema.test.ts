import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { configurationSchema } from '../../src/cirrus-yml/configuration-schema.ts';

interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly minProperties?: number;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** Keys that do not fit, as paths: as much of JSON Schema as the language's own schema uses. */
function misfits(schema: Schema, value: unknown, path = ''): string[] {
  const { type, anyOf, required = [], minProperties = 0 } = schema;
  if (anyOf !== undefined) {
    const tries = anyOf.map((option) => misfits(option, value, path));
    return tries.some((found) => found.length === 0) ? [] : (tries[0] ?? []);
  }
  if (type !== undefined && ![type].flat().includes(typeOf(value))) return [`${path}: ${typeOf(value)}`];
  if (schema.enum !== undefined && !schema.enum.includes(value)) return [`${path}: ${String(value)}`];
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => (item === null ? [] : misfits(schema.items ?? {}, item, `${path}/${index}`)));
  }
  if (typeof value !== 'object' || value === null) return [];
  const missing = required.filter((key) => !Object.hasOwn(value, key)).map((key) => `${path}/${key}: missing`);
  if (Object.keys(value).length < minProperties) missing.push(`${path}: empty`);
  const inner = Object.entries(value).flatMap(([key, item]) => {
    const patterns = Object.entries(schema.patternProperties ?? {}).filter(([pattern]) =>
      new RegExp(pattern).test(key),
    );
    const own = Object.hasOwn(schema.properties ?? {}, key) ? schema.properties?.[key] : undefined;
    const fitting = [...(own === undefined ? [] : [own]), ...patterns.map(([, found]) => found)];
    if (fitting.length > 0) return fitting.flatMap((found) => misfits(found, item, `${path}/${key}`));
    if (schema.additionalProperties === false) return [`${path}/${key}: unknown`];
    return typeof schema.additionalProperties === 'object'
      ? misfits(schema.additionalProperties, item, `${path}/${key}`)
      : [];
  });
  return [...missing, ...inner];
}

const SCHEMA = configurationSchema() as Schema;

function check(text: string): string[] {
  return misfits(SCHEMA, parse(text, { merge: true, uniqueKeys: false, schema: 'core' }) ?? {});
}

const CASES = resolve(import.meta.dir, '../conformance/cirrus-yml');

describe('real files fit the schema', () => {
  test.each(readdirSync(CASES).filter((name) => name.endsWith('.yml')))('%s', (name) => {
    expect(check(readFileSync(resolve(CASES, name), 'utf8'))).toEqual([]);
  });
});

describe('what does not fit is found', () => {
  test.each([
    ['task: {scirpt: a}', ['/task/scirpt: unknown']],
    ['task: {persistent_worker: {lables: {}}}', ['/task/persistent_worker/lables: unknown']],
    ['task: {container: {cpus: 1}}', ['/task/container/cpus: unknown']],
    ['task: {x_cache: {foldr: a}}', ['/task/x_cache/foldr: unknown']],
    ['task: {always: {scirpt: a}}', ['/task/always/scirpt: unknown']],
    ['task: {trigger_type: later}', ['/task/trigger_type: later']],
    ['pipe: {}', ['/pipe/steps: missing']],
    ['pipe: {steps: [{script: a}]}', ['/pipe/steps/0/image: missing']],
    ['docker_builder: {container: {}}', ['/docker_builder/container: unknown']],
    ['persistent_worker: {isolation: {}}', ['/persistent_worker/isolation: empty']],
    ['persistent_worker: {isolation: {tart: {imge: a}}}', ['/persistent_worker/isolation/tart/imge: unknown']],
    ['env: 1', ['/env: number']],
    ['task: a', ['/task: string']],
  ])('%s', (text, expected) => expect(check(text)).toEqual(expected));
});
