import fc from 'fast-check';
import { checkResult, mutated, parseAll, SAMPLES } from './mutations.ts';

export interface Tally {
  readonly documents: number;
  /** Of the documents, those that the parser refused. */
  readonly refused: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
}

/**
 * Parses so many documents that were broken at random, each seed giving the same ones. Throws with the smallest
 * document that breaks a promise, be it that the parser throws.
 */
export function parseMutated(documents: number, seed: number): Tally {
  const times: number[] = [];
  let refused = 0;
  const property = fc.property(mutated(fc.constantFrom(...SAMPLES)), (text) => {
    const startMs = performance.now();
    const result = parseAll(text);
    times.push(performance.now() - startMs);
    if (result.problems.some(({ severity }) => severity === 'error')) refused += 1;
    checkResult(text, result);
  });
  fc.assert(property, { numRuns: documents, seed, includeErrorInReport: true });
  times.sort((a, b) => a - b);
  return {
    documents: times.length,
    refused,
    p99Ms: times[Math.ceil(times.length * 0.99) - 1] ?? 0,
    slowestMs: times.at(-1) ?? 0,
  };
}

export function tellTally({ documents, refused, p99Ms, slowestMs }: Tally, seed: number): string {
  const times = `p99 ${p99Ms.toFixed(1)} ms, slowest ${slowestMs.toFixed(1)} ms`;
  return `${documents} mutated .cirrus.yml with seed ${seed}: ${refused} refused, ${times}`;
}
