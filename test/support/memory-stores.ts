import type { CronInfo, NewCron } from '../../src/hub/crons/crons.ts';
import { type PageAsk, slice } from '../../src/hub/page.ts';
import type { SecretVault } from '../../src/hub/secrets/vault.ts';

const EPOCH = '2026-01-01T00:00:00.000Z';

/** Secrets without a store. */
export class MemoryVault implements SecretVault {
  readonly values = new Map<string, string>();

  map = async (name: string, repository: string | null, value: string) =>
    void this.values.set(`${repository ?? ''}|${name}`, value);

  list = async (ask: PageAsk) => {
    const all = [...this.values.keys()].map((key) => {
      const at = key.indexOf('|');
      return { name: key.slice(at + 1), repository: key.slice(0, at) || null, createdAt: EPOCH };
    });
    return slice(all, ask, ({ name }) => name);
  };

  remove = async (name: string, repository: string | null) => this.values.delete(`${repository ?? ''}|${name}`);
  find = async (name: string, repository: string) =>
    this.values.get(`${repository}|${name}`) ?? this.values.get(`|${name}`);
}

/** Crons that never fire. */
export class MemoryCrons {
  readonly all = new Map<string, CronInfo>();

  list = async (ask: PageAsk) => slice([...this.all.values()], ask, ({ name }) => name);

  create = async (cron: NewCron) => {
    const info = { ...cron, createdAt: EPOCH, nextAt: EPOCH, lastAt: null, lastBuild: null, lastProblem: null };
    this.all.set(cron.name, info);
    return info;
  };

  remove = async (name: string) => this.all.delete(name);
}
