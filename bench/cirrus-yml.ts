import fc from 'fast-check';
import { parseConfiguration } from '../src/cirrus-yml/parse-configuration.ts';
import { AppError } from '../src/lib/errors.ts';
import { mutated, SAMPLES } from '../test/cirrus-yml/mutations.ts';
import { largeDocument, SMALL } from './cirrus-yml-documents.ts';
import { type Outcome, type Row, rowOf } from './report.ts';
import { quantile } from './statistics.ts';

const ROUNDS = 20;
const ROUND_MS = 250;
const LARGE_GROUPS = 50;
const MUTATED = 1_000;
const MUTATED_BYTES = 100_000;
/** Groups that still fit below that size. */
const MOST_GROUPS = Math.floor((MUTATED_BYTES / largeDocument(200).length) * 200);
const SEED = 20_261_121;

function parse(text: string) {
  return parseConfiguration({ text, environment: { CIRRUS_BRANCH: 'main' }, affectedFiles: ['src/part-1/a.c'] });
}

/** Documents per second in each round. One round before them does not count. */
function throughput(what: string, text: string, signal: AbortSignal): Row {
  const { tasks, problems } = parse(text);
  if (problems.length > 0) throw new AppError('CONFIG', `the document of the benchmark: ${problems[0]?.message}`);
  const rates: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    signal.throwIfAborted();
    const startMs = performance.now();
    let parsed = 0;
    for (; performance.now() - startMs < ROUND_MS; parsed += 1) parse(text);
    if (round > 0) rates.push(parsed / ((performance.now() - startMs) / 1_000));
  }
  return rowOf(`${what}, ${tasks.length} tasks`, 'documents/s', rates);
}

function timesOf(documents: readonly string[], signal: AbortSignal): number[] {
  return documents.map((text) => {
    signal.throwIfAborted();
    const startMs = performance.now();
    parse(text);
    return performance.now() - startMs;
  });
}

/** The same ones each time. */
function draw(bases: fc.Arbitrary<string>): string[] {
  const drawn = fc.sample(mutated(bases), { seed: SEED, numRuns: MUTATED });
  return drawn.filter((text) => Buffer.byteLength(text) < MUTATED_BYTES);
}

export async function cirrusYml(_folder: string, signal: AbortSignal): Promise<Outcome> {
  const large = largeDocument(LARGE_GROUPS);
  const rates = [
    throughput(`a file of ${SMALL.trimEnd().split('\n').length} lines`, SMALL, signal),
    throughput(`a file of ${large.trimEnd().split('\n').length} lines with matrices`, large, signal),
  ];
  const small = timesOf(draw(fc.constantFrom(...SAMPLES)), signal);
  const times = timesOf(draw(fc.integer({ min: 1, max: MOST_GROUPS }).map(largeDocument)), signal);
  return {
    name: 'cirrus-yml',
    title: 'Reading .cirrus.yml',
    method: `the parser alone, from text to tasks, inside one process of Bun and not in the compiled executable. Rates: ${ROUNDS} rounds of ${ROUND_MS / 1_000} s after one that does not count. Broken documents: ${MUTATED} conformance cases and ${MUTATED} files of 20 to ${MOST_GROUPS * 20} lines with matrices, each with one to four random slips, seed ${SEED}, each parsed once.`,
    bounds:
      'small files: the YAML library, which keeps every character of the source; files with matrices: the tasks that they make, each with all its variables.',
    rows: [
      ...rates,
      rowOf('a broken conformance case, p99', 'ms', small, { value: quantile(small, 0.99), goal: 200 }),
      rowOf('a broken file of up to 100 kB with matrices, p50', 'ms', times),
      rowOf('a broken file of up to 100 kB with matrices, p99', 'ms', times, {
        value: quantile(times, 0.99),
        goal: 200,
      }),
    ],
  };
}
