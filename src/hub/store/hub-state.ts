import type { Queries } from './database.ts';

/** Numbers that the hub keeps: its time, how far the turns of all queues are, whether it has adopted old tasks (1). */
export type HubNumber = 'time' | 'round' | 'adopted';

/** 0 when it was never stored. */
export async function readHubNumber(sql: Queries, name: HubNumber): Promise<number> {
  const [row] = await sql<{ value: number }[]>`SELECT value FROM hub_state WHERE name = ${name}`;
  return row?.value ?? 0;
}

/** Stores `value` unless a larger one is there, and resolves with the larger of the two. */
export async function raiseHubNumber(sql: Queries, name: HubNumber, value: number): Promise<number> {
  await sql`
    INSERT INTO hub_state (name, value) VALUES (${name}, ${value})
    ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE hub_state.value < excluded.value`;
  return readHubNumber(sql, name);
}
