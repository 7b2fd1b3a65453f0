import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { writeFileAtomically } from '../src/platform/files.ts';
import type { Machine } from './machine.ts';
import { median, spread } from './statistics.ts';

const ROOT = resolve(import.meta.dir, '..');
const RESULTS = join(ROOT, 'bench/results');

/** Of a figure; empty for a count. */
export type Unit = 'ms' | 'MiB' | 's' | 'documents/s' | 'KiB' | 'KiB/min' | 'MB/s' | 'tasks/s' | 'cores' | '×' | '';

/** One line of a table. */
export interface Row {
  readonly what: string;
  readonly unit: Unit;
  readonly value: number;
  /** Smallest and largest sample; null for a figure that does not vary. */
  readonly spread: readonly [number, number] | null;
  readonly samples: number;
  /** What it should stay under, where the design names a goal. */
  readonly goal?: number;
  /** What it should reach, where the design names such a goal. */
  readonly atLeast?: number;
}

/** What one benchmark found. */
export interface Outcome {
  readonly name: string;
  readonly title: string;
  /** How it was measured, for whoever wants to repeat or doubt it. */
  readonly method: string;
  /** What keeps the figures from being better. */
  readonly bounds: string;
  readonly rows: readonly Row[];
}

interface Stored extends Outcome {
  readonly machine: Machine;
}

/** A row from samples: their median unless another figure of them is given. */
export function rowOf(what: string, unit: Unit, samples: readonly number[], more: Partial<Row> = {}): Row {
  return { what, unit, value: median(samples), spread: spread(samples), samples: samples.length, ...more };
}

const DIGITS: Readonly<Record<Unit, number>> = {
  ms: 1,
  MiB: 1,
  s: 2,
  'documents/s': 0,
  KiB: 0,
  'KiB/min': 1,
  'MB/s': 0,
  'tasks/s': 1,
  cores: 2,
  '×': 2,
  '': 0,
};

function aimOf({ unit, value, goal, atLeast }: Row): string {
  if (goal !== undefined) return `${value <= goal ? 'reached' : 'MISSED'}: ≤ ${goal} ${unit}`;
  if (atLeast !== undefined) return `${value >= atLeast ? 'reached' : 'MISSED'}: ≥ ${atLeast} ${unit}`;
  return '';
}

function cellsOf(row: Row): string[] {
  const { what, unit, value, spread: range, samples } = row;
  const show = (figure: number) => figure.toFixed(DIGITS[unit]);
  const between = range === null ? '' : `${show(range[0])} – ${show(range[1])}`;
  return [what, `${show(value)} ${unit}`.trim(), between, String(samples), aimOf(row)];
}

const HEAD = ['what', 'median or named figure', 'spread', 'samples', 'goal'];

/** A table as Markdown, its columns padded so that it reads well in a terminal too. */
export function tableOf(rows: readonly Row[]): string {
  const cells = [HEAD, ...rows.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  const lines = cells.map((line) => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`);
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [lines[0], rule, ...lines.slice(1)].join('\n');
}

export async function storeOutcome(outcome: Outcome, machine: Machine): Promise<void> {
  mkdirSync(RESULTS, { recursive: true });
  const stored: Stored = { ...outcome, machine };
  await writeFileAtomically(join(RESULTS, `${outcome.name}.json`), `${JSON.stringify(stored, null, 2)}\n`, 0o644);
}

/** What else the machine did meanwhile makes figures worse, and whoever reads them should know. */
function loadOf({ load }: Machine): string {
  return load === undefined ? '' : `, load average over 15 min ${load}`;
}

function sectionOf({ title, method, bounds, rows, machine }: Stored): string {
  const where = `${machine.date}, commit ${machine.commit}, ${machine.cpus}, ${machine.memory}, ${machine.system}, Bun ${machine.bun}${loadOf(machine)}`;
  return [
    `## ${title}`,
    tableOf(rows),
    `*How:* ${method}`,
    `*What bounds it:* ${bounds}`,
    `*Measured:* ${where}.`,
  ].join('\n\n');
}

/** Writes docs/performance.md from the newest result of each benchmark, in the order of `names`. */
export async function writePerformancePage(names: readonly string[]): Promise<void> {
  const present = new Set(readdirSync(RESULTS));
  const stored = names
    .filter((name) => present.has(`${name}.json`))
    .map((name) => JSON.parse(readFileSync(join(RESULTS, `${name}.json`), 'utf8')) as Stored);
  const intro = [
    '# Performance',
    'Written by `npm run bench` from `bench/results/`; do not edit by hand. Everything runs as the compiled executable on one machine over loopback, unless a section says otherwise. Speed is never asserted by a test.',
  ];
  mkdirSync(join(ROOT, 'docs'), { recursive: true });
  const page = `${[...intro, ...stored.map(sectionOf)].join('\n\n')}\n`;
  await writeFileAtomically(join(ROOT, 'docs/performance.md'), page, 0o644);
}
