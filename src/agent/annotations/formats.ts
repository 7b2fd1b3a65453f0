import type { ReadReport } from './finding.ts';
import { readAndroidLint, readQodana, readXclogparser } from './inspections.ts';
import { readBuf, readCirrus, readEslint, readGolangci, readRubocop, readSwiftformat } from './linters.ts';
import { readBoost, readFlutter, readJunit, readRspec } from './test-reports.ts';

/** Every format of reports (specification of the agent, section 7.8), by the name that configurations use. */
export const FORMATS: ReadonlyMap<string, ReadReport> = new Map([
  ['junit', readJunit],
  ['eslint', readEslint],
  ['golangci', readGolangci],
  ['android-lint', readAndroidLint],
  ['rspec', readRspec],
  ['rubocop', readRubocop],
  ['qodana', readQodana],
  ['xclogparser', readXclogparser],
  ['flutter', readFlutter],
  ['boost', readBoost],
  ['buf', readBuf],
  ['swiftformat', readSwiftformat],
  ['cirrus', readCirrus],
]);
