import type { Queries } from './database.ts';

/** A secret as it is stored: sealed. `repository` is empty for one that all builds get. */
export interface SecretRecord {
  readonly name: string;
  readonly repository: string;
  readonly sealed: Uint8Array;
  readonly createdMs: number;
}

export async function saveSecret(sql: Queries, { name, repository, sealed, createdMs }: SecretRecord): Promise<void> {
  await sql`
    INSERT INTO secrets (name, repository, sealed, created_ms) VALUES (${name}, ${repository}, ${sealed}, ${createdMs})
    ON CONFLICT (name, repository) DO UPDATE SET sealed = excluded.sealed, created_ms = excluded.created_ms`;
}

/** By name and repository. */
export async function listSecrets(sql: Queries): Promise<Omit<SecretRecord, 'sealed'>[]> {
  const rows = await sql<Omit<SecretRecord, 'sealed'>[]>`
    SELECT name, repository, created_ms AS "createdMs" FROM secrets ORDER BY name, repository`;
  return [...rows];
}

/** The sealed value for exactly this repository (empty: for all). */
export async function findSecret(sql: Queries, name: string, repository: string): Promise<Uint8Array | undefined> {
  const [row] = await sql<{ sealed: Uint8Array }[]>`
    SELECT sealed FROM secrets WHERE name = ${name} AND repository = ${repository}`;
  return row?.sealed;
}

/** Returns whether there was one. */
export async function deleteSecret(sql: Queries, name: string, repository: string): Promise<boolean> {
  const gone = await sql`DELETE FROM secrets WHERE name = ${name} AND repository = ${repository} RETURNING name`;
  return gone.length > 0;
}
