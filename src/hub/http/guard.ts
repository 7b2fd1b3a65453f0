import type { Context } from 'hono';
import { RateLimiter } from '../../lib/rate-limit.ts';
import type { Clock } from '../../platform/clock.ts';
import type { HubCore } from '../model.ts';
import { bearerToken, type Caller, isCrossSite, type Need, refusalOf } from './access.ts';
import type { ConnectionFacts } from './http-app.ts';
import { HttpError } from './http-error.ts';

/** Far more than people and pages need; it stops a script that has gone wild. Counted by token and address. */
const KNOWN_RATE = { burst: 1_000, refillMs: 5 };
/** Without a good token: enough for a page that is opened, too little for guessing. Counted by address. */
const UNKNOWN_RATE = { burst: 60, refillMs: 500 };

export interface GuardDeps {
  readonly core: Pick<HubCore, 'callerOf' | 'isPoolToken'>;
  readonly clock: Pick<Clock, 'monoMs'>;
  readonly listensOnLoopback: boolean;
}

const tooMany = () => new HttpError(429, 'too many requests', 'wait a second between them');

/** Decides about each request of the interface: who asks, whether they may, and whether not too often. */
export function createGuard({ core, clock, listensOnLoopback }: GuardDeps) {
  const known = new RateLimiter(KNOWN_RATE);
  const unknown = new RateLimiter(UNKNOWN_RATE);
  const limit = (limiter: RateLimiter, key: string) => {
    if (!limiter.take(key, clock.monoMs())) throw tooMany();
  };

  /** Throws `HttpError` 401, 403 or 429. */
  return async (context: Context, need: Need): Promise<Caller> => {
    const { headers, url, method } = context.req.raw;
    const address = (context.env as ConnectionFacts | undefined)?.address ?? '';
    const host = headers.get('host') ?? new URL(url).host;
    if (method !== 'GET' && method !== 'HEAD' && isCrossSite(headers, host)) {
      throw new HttpError(403, 'a page of another origin sent this', 'use the page of this hub, or its command line');
    }
    const token = bearerToken(headers.get('authorization') ?? undefined);
    const found = token === undefined || token === '' ? undefined : await core.callerOf(token);
    const ofPool = need === 'report' && token !== undefined && (await core.isPoolToken(token));
    const hasToken = token !== undefined;
    const refusal = refusalOf({ need, hasToken, role: found?.role, ofPool, listensOnLoopback, host });
    if (refusal !== undefined) {
      if (found === undefined) limit(unknown, address);
      throw refusal;
    }
    const name = found?.name ?? (ofPool ? 'machine of a pool' : 'loopback');
    limit(known, `${name} ${address}`);
    return { role: found?.role, name, address };
  };
}
