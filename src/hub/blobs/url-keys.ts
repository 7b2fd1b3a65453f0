import { randomBytes } from 'node:crypto';
import type { Clock } from '../../platform/clock.ts';
import { randomToken } from '../../platform/random.ts';
import type { Database } from '../store/database.ts';
import type { UrlKey } from './blob-url.ts';

/** A key signs for so long; then a new one takes over. */
const ROTATE_MS = 7 * 86_400_000;
/** Addresses of a key outlive its time by less than this. */
const KEEP_MS = 2 * ROTATE_MS;

interface StoredKey extends UrlKey {
  readonly createdMs: number;
}

/** Keys of signed addresses, in the store, since any hub on it must know what another one signed. */
export class UrlKeys {
  #keys: readonly StoredKey[] = [];

  constructor(
    private readonly store: Database,
    private readonly clock: Pick<Clock, 'wallMs'>,
  ) {}

  async #load(): Promise<void> {
    const rows = await this.store.read(
      (sql) => sql<{ id: string; secret: Uint8Array; created_ms: number }[]>`
        SELECT id, secret, created_ms FROM hub_keys WHERE purpose = ${'blob'} ORDER BY created_ms DESC, id`,
    );
    this.#keys = rows.map(({ id, secret, created_ms }) => ({ id, secret, createdMs: created_ms }));
  }

  /** The key to sign with, made or replaced when it is time. */
  async current(): Promise<UrlKey> {
    const nowMs = this.clock.wallMs();
    const isFresh = (key: StoredKey | undefined) => key !== undefined && nowMs - key.createdMs < ROTATE_MS;
    if (!isFresh(this.#keys[0])) await this.#load();
    const [newest] = this.#keys;
    if (newest !== undefined && isFresh(newest)) return newest;
    const fresh = { id: randomToken(4), secret: randomBytes(32), createdMs: nowMs };
    await this.store.write(async (sql) => {
      await sql`
        INSERT INTO hub_keys (id, purpose, secret, created_ms)
        VALUES (${fresh.id}, ${'blob'}, ${fresh.secret}, ${nowMs})`;
      await sql`DELETE FROM hub_keys WHERE purpose = ${'blob'} AND created_ms < ${nowMs - KEEP_MS}`;
    });
    this.#keys = [fresh, ...this.#keys];
    return fresh;
  }

  /** The key of that id, or undefined for one that is not known, or no more. */
  async find(id: string): Promise<UrlKey | undefined> {
    const known = () => this.#keys.find((key) => key.id === id);
    if (known() === undefined && /^[0-9a-f]{8}$/.test(id)) await this.#load(); // another hub may have made it
    return known();
  }
}
