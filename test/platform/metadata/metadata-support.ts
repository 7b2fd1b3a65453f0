import type { Fetch } from '../../../src/platform/bounded-request.ts';
import { createMetadata, type Metadata } from '../../../src/platform/metadata/metadata.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeMetadata } from '../../support/fake-metadata.ts';

export const NEVER = new AbortController().signal;
export const START_MS = Date.UTC(2026, 0, 1);

export interface Rig extends AsyncDisposable {
  readonly clock: FakeClock;
  readonly service: FakeMetadata;
  readonly metadata: Metadata;
}

/** The real client, the stand-in on a real socket, and one clock that both of them go by. */
export async function rig(request: Fetch = fetch): Promise<Rig> {
  const clock = new FakeClock(START_MS);
  const service = await new FakeMetadata({ nowMs: clock.wallMs }).start();
  const metadata = createMetadata({ endpoint: service.endpoint, fetch: request, clock });
  return { clock, service, metadata, [Symbol.asyncDispose]: () => service.stop() };
}
