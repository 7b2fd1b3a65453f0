import { formatSize } from '../../lib/size.ts';
import { CirrusCIService, type LogEntry } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { MethodHandler } from '../../rpc/server.ts';
import type { LogIntake } from '../log-intake.ts';
import type { Database } from '../store/database.ts';
import { hasInstruction } from '../store/instructions.ts';
import { type LogName, logState } from '../store/logs.ts';
import type { TaskRecord } from '../store/tasks.ts';
import { type Authenticator, agentUpload } from './authenticate.ts';
import { streamEntries } from './stream-entries.ts';

/** More than people can use, and little enough that a script in a loop does not fill the disk for the others. */
const MAX_LOG_BYTES = 2 * 2 ** 30;

/** The methods that bring logs: a key first, then chunks (wire protocol, section 3.3). */
export function logService(intake: LogIntake, store: Database, auth: Authenticator): MethodHandler[] {
  const methods = CirrusCIService.method;

  const open = async (task: TaskRecord, messages: AsyncIterable<LogEntry>, signal: AbortSignal) => {
    const entries = streamEntries(messages, signal);
    const first = await entries.next();
    const key = first.done === true ? undefined : first.value.value;
    if (key?.case !== 'key') throw new RpcError('INVALID_ARGUMENT', 'the first message of a log must be its key');
    const instruction = key.value.commandName;
    if (!(await store.read((sql) => hasInstruction(sql, task.id, instruction)))) {
      throw new RpcError('FAILED_PRECONDITION', `the task has no instruction "${instruction}"`);
    }
    const log: LogName = { buildId: task.buildId, taskId: task.id, instruction };
    const from = key.value.offset === undefined ? undefined : Number(key.value.offset);
    const { size } = await store.read((sql) => logState(sql, log));
    const room = MAX_LOG_BYTES - (key.value.raw ? 0 : (from ?? size)); // a final copy takes the place of what is stored
    return { log, from, pieces: boundedLog(pieces(entries), room, MAX_LOG_BYTES) };
  };

  return [
    agentUpload(auth, methods.streamLogs, async (task, messages, { signal }) => {
      const { log, from, pieces } = await open(task, messages, signal);
      return { bytesLogged: BigInt(await intake.follow(log, pieces, from)) };
    }),
    agentUpload(auth, methods.saveLogs, async (task, messages, { signal }) => {
      const { log, pieces } = await open(task, messages, signal);
      return { bytesLogged: BigInt(await intake.save(log, pieces)) };
    }),
  ];
}

async function* pieces(entries: AsyncIterator<LogEntry>): AsyncGenerator<Uint8Array> {
  for (let next = await entries.next(); next.done !== true; next = await entries.next()) {
    const { value } = next.value;
    if (value.case !== 'chunk') throw new RpcError('INVALID_ARGUMENT', 'a log has one key, at its beginning');
    yield value.value.data;
  }
}

/**
 * As much as there is room for. What is beyond is taken and let go, since a refusal would only have the agent begin again;
 * the log says so where it ends.
 */
export async function* boundedLog(
  pieces: AsyncIterable<Uint8Array>,
  room: number,
  maxBytes: number,
): AsyncGenerator<Uint8Array> {
  let left = room;
  for await (const piece of pieces) {
    if (left <= 0) continue;
    yield piece.subarray(0, left);
    left -= piece.length;
    if (left <= 0) yield new TextEncoder().encode(`\n… no more than ${formatSize(maxBytes)} of a log are kept\n`);
  }
}
