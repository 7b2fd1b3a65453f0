/** What is done to the supervisor; see `kill` in restarts.ts. */
export const KINDS = [
  'at the first serving status',
  'worker stopped',
  'while it starts',
  'later',
  'with a task',
] as const;
export type Kind = (typeof KINDS)[number];

export interface RestartTally {
  restarts: number;
  readonly kills: Record<Kind, number>;
  /** How often deadlines were compared with those of the first life. */
  compared: number;
  /** The largest distance of a deadline from its first value, in either direction; negative: earlier. */
  latestMs: number;
  earliestMs: number;
  /** The same in microseconds for the beginning of the life, on the clock that nobody sets; read from the journal. */
  laterUs: number;
  /** Processes of tasks and workers that a dead supervisor left, and that were seen to be ended. */
  left: number;
  /** Longest time from the start of a successor to the end of what its predecessor had left. */
  slowestCleaningMs: number;
}

export function newTally(): RestartTally {
  const kills = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  const times = { latestMs: 0, earliestMs: 0, laterUs: 0, slowestCleaningMs: 0 };
  return { restarts: 0, kills, compared: 0, left: 0, ...times };
}

export function tellRestarts(tally: RestartTally): string {
  const { restarts, kills, compared, latestMs, earliestMs, laterUs, left, slowestCleaningMs } = tally;
  const moments = Object.entries(kills).map(([kind, count]) => `${count} ${kind}`);
  return `restarts: ${restarts} kill -9 (${moments.join(', ')}); ${compared} deadlines compared, at most ${latestMs} ms later and ${-earliestMs} ms earlier (by the journal at most ${laterUs.toFixed(3)} µs later); ${left} left processes ended, within ${Math.round(slowestCleaningMs)} ms; one worker at the end, none after it`;
}
