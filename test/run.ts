/**
 * `npm test`: format and lint, types, executables, unit and system tests, end-to-end tests;
 * `npm test -- unit`: the unit tests alone, which need nothing but this folder.
 * With PWAGENT_TEST_ALL=1 it installs what tests need, and whatever cannot be tried is a failure. The last line is
 * `N passed, N failed`; the exit code is 0 only when nothing failed.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { formatDuration } from '../src/lib/duration.ts';
import { installRequirements } from './setup/install.ts';
import { addTotals, type Totals, totalsLine, totalsOf } from './support/junit.ts';

const ROOT = resolve(import.meta.dir, '..');
const ALL = process.env.PWAGENT_TEST_ALL === '1';

interface Step {
  readonly name: string;
  /** Returns the step's totals; what it prints it prints itself. */
  readonly run: (scratch: string) => Promise<Totals> | Totals;
}

const say = (line: string) => process.stdout.write(`${line}\n`);

function verdict(failed: boolean): Totals {
  return { passed: failed ? 0 : 1, failed: failed ? 1 : 0, skipped: 0 };
}

function bun(args: readonly string[], env: Record<string, string> = {}) {
  return Bun.spawn([process.execPath, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

/** A program that passes or fails as a whole; it counts as one test. */
function command(name: string, args: readonly string[]): Step {
  return { name, run: async () => verdict((await bun(args).exited) !== 0) };
}

/** A run of `bun test`, counted from its own report. */
function suite(name: string, args: readonly string[], env: Record<string, string> = {}): Step {
  return {
    name,
    run: async (scratch) => {
      const report = join(scratch, `${name.replaceAll(' ', '-')}.xml`);
      const reporting = ['--reporter=junit', `--reporter-outfile=${report}`];
      const runner = bun(['test', ...args, ...reporting], { ...env, PWAGENT_GAP_FILE: join(scratch, 'gaps') });
      await runner.exited;
      return totalsOf(existsSync(report) ? readFileSync(report, 'utf8') : undefined, runner.exitCode);
    },
  };
}

const setup: Step = {
  name: 'set-up',
  run: () => {
    const problem = installRequirements();
    if (problem !== undefined) say(`set-up: ${problem}`);
    return verdict(problem !== undefined);
  },
};

/** Tests of a room with other users, namespaces or real processes that take their time. */
const SYSTEM = 'test/**/*.system.test.ts';
const QUIET = ['--parallel', '--timeout=20000', '--only-failures', '--path-ignore-patterns=test/e2e/**'];

/** Unit tests show failures alone; the end-to-end tests are few and slow, so that each shows as it ends. */
const UNIT = suite('unit tests', [...QUIET, `--path-ignore-patterns=${SYSTEM}`], {
  PWAGENT_TEST_UNIT: '1',
  PWAGENT_TEST_ALL: '',
});
const UNIT_AND_SYSTEM = suite('unit and system tests', QUIET);
const TARGETS = ALL ? ['host', 'linux-x64', 'darwin-arm64'] : ['host'];
const EVERYTHING: readonly Step[] = [
  ...(ALL ? [setup] : []),
  command('format and lint', ['x', '--no-install', 'biome', 'check', '.']),
  command('types', ['x', '--no-install', 'tsc', '--noEmit']),
  command(`executables (${TARGETS.join(', ')})`, ['build.ts', ...TARGETS.map((target) => `--target=${target}`)]),
  UNIT_AND_SYSTEM,
  suite('end-to-end tests', ['test/e2e', '--timeout=60000']),
];

function stepsOf(words: readonly string[]): readonly Step[] | undefined {
  if (words.length === 0) return EVERYTHING;
  return words.length === 1 && words[0] === 'unit' ? [UNIT] : undefined;
}

/** What was not tried, each once. */
function gapsOf(scratch: string, steps: readonly Step[]): string[] {
  const file = join(scratch, 'gaps');
  const told = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  const builds = 'not run: executables for linux-x64 and darwin-arm64: only with PWAGENT_TEST_ALL=1';
  return [...new Set([...(ALL || steps.length === 1 ? [] : [builds]), ...told])];
}

async function runAll(steps: readonly Step[], scratch: string): Promise<Totals> {
  const rows: string[] = [];
  const all: Totals[] = [];
  for (const { name, run } of steps) {
    say(`\n── ${name}`);
    const startMs = performance.now();
    const totals = await run(scratch);
    all.push(totals);
    const took = formatDuration(Math.round(performance.now() - startMs));
    rows.push(
      `${totals.failed === 0 ? 'ok  ' : 'FAIL'}  ${name.padEnd(44)} ${took.padStart(8)}  ${totalsLine(totals)}`,
    );
  }
  const gaps = gapsOf(scratch, steps);
  say(`\n── summary\n${[...rows, ...gaps].join('\n')}`);
  return addTotals(all);
}

async function main(): Promise<Totals> {
  const words = process.argv.slice(2);
  const steps = stepsOf(words);
  if (steps === undefined) {
    say(`unknown words "${words.join(' ')}"; write npm test, or npm test -- unit`);
    return verdict(true);
  }
  const scratch = mkdtempSync(join(tmpdir(), 'pwagent-tests-'));
  try {
    return await runAll(steps, scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const totals = await main().catch((error: unknown) => {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return verdict(true);
});
say(totalsLine(totals));
process.exitCode = totals.failed === 0 ? 0 : 1;
