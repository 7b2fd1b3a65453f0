import { createInterface } from 'node:readline';
import type { FakeInstance } from './fake-instance.ts';
import { FakeMetadata, type Fault } from './fake-metadata.ts';

/**
 * The stand-in as a program of its own: `bun fake-metadata-program.ts [HOST [PORT]]`. Prints its address, then takes one
 * JSON object a line from standard input and answers each with a line of JSON; ends when its input ends.
 */
interface Order {
  /** Put over the instance, key by key: `{ "tags": { "PWPoolReady": "false" } }`. */
  readonly instance?: Partial<FakeInstance>;
  /** `null` takes it back. */
  readonly fault?: { readonly kind: Fault | null; readonly path?: string };
  readonly dateOffsetMs?: number;
  readonly date?: string | null;
  readonly forgetTokens?: boolean;
}

const [, , host = '127.0.0.1', port = '0'] = process.argv;
const service = await new FakeMetadata({ host, port: Number(port) }).start();
process.stdout.write(`${service.endpoint}\n`);

function obey(order: Order): void {
  Object.assign(service.instance, order.instance);
  if (order.fault !== undefined) service.fault(order.fault.kind ?? undefined, order.fault.path);
  if (order.dateOffsetMs !== undefined) service.dateOffsetMs = order.dateOffsetMs;
  if (order.date !== undefined) service.date = order.date;
  if (order.forgetTokens) service.forgetTokens();
}

for await (const line of createInterface({ input: process.stdin })) {
  obey(JSON.parse(line) as Order);
  process.stdout.write(`${JSON.stringify({ requests: service.requests })}\n`);
}
process.exit(0);
