/** Offsets of the first character and behind the last. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** An alias at `at`, and where the value that it repeats was written. */
export interface AliasUse extends Range {
  readonly at: number;
}

const MAX_STEPS = 8;
/** A file with more aliases than this is no work of people; its problems still tell where they were written. */
const MAX_USES = 2_000;

function covers({ start, end }: Range, at: number): boolean {
  return at >= start && at < end;
}

/**
 * Through which alias the text at `at` got into the task that was written in `within`: the alias inside the task, or
 * inside what the whole file shares when the way leads through the root. Undefined when the text stands there itself.
 */
export function findUse(uses: readonly AliasUse[], at: number, within: Range): number | undefined {
  if (covers(within, at)) return undefined;
  const considered = uses.slice(0, MAX_USES);
  let reached = new Set([at]);
  let last: number | undefined;
  for (let step = 0; step < MAX_STEPS && reached.size > 0; step += 1) {
    const next = new Set<number>();
    for (const use of considered) {
      if (![...reached].some((place) => covers(use, place))) continue;
      if (covers(within, use.at)) return use.at;
      if (!reached.has(use.at)) next.add(use.at);
    }
    last = [...next][0] ?? last;
    reached = new Set([...next].slice(0, MAX_STEPS));
  }
  return last;
}
