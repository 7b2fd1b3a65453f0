import type { Amounts } from '../lib/amounts.ts';
import type { PollResponse_AgentAwareTask } from '../rpc/gen/cirrus_ci_service_pb.ts';

/** Who a task is, on the wire. */
export interface TaskKey {
  readonly id: string;
  readonly clientSecret: string;
}

/** Ids and secrets travel in headers, which hold printable ASCII alone; no server has ever given longer ones. */
const HEADER_TEXT = /^[\x20-\x7e]{1,1024}$/;
const MAX_ID_LENGTH = 256;

/** Largest amount of a resource that makes sense; the same bound as in the configuration. */
const MAX_AMOUNT = 1e9;

/** The id of a task in either form of the protocol (wire protocol, section 5). */
export function taskIdOf({ taskId, oldTaskId }: PollResponse_AgentAwareTask): string {
  return taskId === '' ? String(oldTaskId) : taskId;
}

/** The id as the number that old peers know it by; undefined for an id that is no signed 64-bit integer. */
export function oldIdOf(id: string): bigint | undefined {
  if (!/^[+-]?\d{1,30}$/.test(id)) return undefined;
  const number = BigInt(id.replace(/^\+/, ''));
  return BigInt.asIntN(64, number) === number ? number : undefined;
}

/** Peers that read message bodies find the task there, as long as its id is a number. */
export function identification({ id, clientSecret }: TaskKey): { taskId: bigint; secret: string } | undefined {
  const taskId = oldIdOf(id);
  return taskId === undefined ? undefined : { taskId, secret: clientSecret };
}

/** Why nothing at all can be said to the server about this task: it lacks an id or secret that can be sent back. */
export function namelessProblem(task: PollResponse_AgentAwareTask): string | undefined {
  if (task.taskId === '' && task.oldTaskId === 0n) return 'it has no id';
  const id = taskIdOf(task);
  if (id.length > MAX_ID_LENGTH || !HEADER_TEXT.test(id) || id.trim() !== id)
    return 'its id is too long or not plain text';
  if (!HEADER_TEXT.test(task.clientSecret)) return 'its secret is missing or not plain text';
  return undefined;
}

/** Why no worker could grant these resources, in a sentence; undefined for amounts that make sense. */
export function amountsProblem(resources: Amounts): string | undefined {
  const wrong = Object.entries(resources).find(([, amount]) => !(amount >= 0 && amount <= MAX_AMOUNT));
  if (wrong === undefined) return undefined;
  return `the server asks for ${wrong[1]} of the resource "${wrong[0].slice(0, 100)}", which is no amount`;
}
