import { describe, expect, test } from 'bun:test';
import { parseConfiguration } from '../../src/cirrus-yml/parse-configuration.ts';
import { tasksToJson } from '../../src/cirrus-yml/tasks-json.ts';
import { memoryFiles } from './memory-files.ts';
import examples from './worked-examples.json';

interface Example {
  readonly id: string;
  readonly yaml: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly affectedFiles?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly declaredProperties?: boolean;
  readonly tasks: readonly unknown[];
}

/** Results of running the reference parser, one for each thing that the language can do. */
describe('worked examples', () => {
  test.each((examples as unknown as Example[]).map((example) => [example.id, example] as const))(
    '%s',
    (_id, example) => {
      const { yaml: text, environment = {}, affectedFiles = [], files = {}, declaredProperties = false } = example;
      const input = { text, environment, affectedFiles, files: memoryFiles(files), declaredProperties };
      const { tasks, problems } = parseConfiguration(input);
      expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
      expect(tasksToJson(tasks) as unknown).toEqual(example.tasks);
    },
  );
});
