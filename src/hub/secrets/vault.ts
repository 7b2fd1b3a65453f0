import type { Clock } from '../../platform/clock.ts';
import { type Page, type PageAsk, slice } from '../page.ts';
import type { Database } from '../store/database.ts';
import { deleteSecret, findSecret, listSecrets, saveSecret } from '../store/secrets.ts';
import { open, seal } from './seal.ts';

/** A secret as told to people: everything but its value. */
export interface SecretInfo {
  readonly name: string;
  /** Only builds of this repository get it; null = builds of all of them. */
  readonly repository: string | null;
  readonly createdAt: string;
}

/** Values that `.cirrus.yml` files name and nobody reads back: they leave the hub with a task that needs them, alone. */
export interface SecretVault {
  /** `name` is the whole `ENCRYPTED[…]` text, or `CIRRUS_REPO_CLONE_TOKEN`. */
  map(name: string, repository: string | null, value: string): Promise<void>;
  list(ask: PageAsk): Promise<Page<SecretInfo>>;
  /** Whether there was one. */
  remove(name: string, repository: string | null): Promise<boolean>;
  /** The value for builds of that repository (empty for work trees), or undefined. */
  find(name: string, repository: string): Promise<string | undefined>;
}

const boundTo = (name: string, repository: string) => `${name}\n${repository}`;

export function createVault(store: Database, key: Uint8Array, clock: Pick<Clock, 'wallMs'>): SecretVault {
  return {
    async map(name, repository, value) {
      const scope = repository ?? '';
      const sealed = seal(value, boundTo(name, scope), key);
      await store.write((sql) => saveSecret(sql, { name, repository: scope, sealed, createdMs: clock.wallMs() }));
    },
    async list(ask) {
      const page = slice(await store.read(listSecrets), ask, ({ name, repository }) => boundTo(name, repository));
      const items = page.items.map(({ name, repository, createdMs }) => ({
        name,
        repository: repository === '' ? null : repository,
        createdAt: new Date(createdMs).toISOString(),
      }));
      return { ...page, items };
    },
    remove: (name, repository) => store.write((sql) => deleteSecret(sql, name, repository ?? '')),
    async find(name, repository) {
      for (const scope of new Set([repository, ''])) {
        const sealed = await store.read((sql) => findSecret(sql, name, scope));
        if (sealed !== undefined) return open(sealed, boundTo(name, scope), key);
      }
      return undefined;
    },
  };
}
