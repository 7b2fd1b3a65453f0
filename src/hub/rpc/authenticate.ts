import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { Clock } from '../../platform/clock.ts';
import type { UploadMethod } from '../../rpc/client.ts';
import { HEADER, type Headers } from '../../rpc/metadata.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import { type CallContext, type MethodHandler, unaryHandler, uploadHandler } from '../../rpc/server.ts';
import type { Fleet } from '../fleet.ts';
import { refuseGivenUp } from '../given-up.ts';
import type { Member } from '../member.ts';
import type { Roster } from '../roster.ts';
import type { Database } from '../store/database.ts';
import { findTask, type TaskRecord } from '../store/tasks.ts';
import { findToken, sameSecret, stateOfToken } from '../store/tokens.ts';

export interface Session {
  readonly member: Member;
  /** Names the session (a hash of its token). */
  readonly session: string;
}

/** Old peers may name their task in the request instead of the headers. */
interface Identified {
  readonly taskId?: bigint | undefined;
  readonly secret?: string | undefined;
}

/** Who calls, for every method of both services (wire protocol, section 4). A refusal is an `RpcError`. */
export class Authenticator {
  constructor(
    private readonly store: Database,
    private readonly fleet: Fleet,
    private readonly roster: Roster,
    private readonly clock: Pick<Clock, 'wallMs'>,
  ) {}

  async session(headers: Headers): Promise<Session> {
    const token = headers[HEADER.sessionToken] ?? '';
    const found = await this.roster.ofSession(token);
    if (found === undefined) {
      const why = 'the session is not known to this hub, or the worker has registered anew since';
      throw new RpcError('PERMISSION_DENIED', `${why}; register again`);
    }
    return found;
  }

  /** `pause` and `resume` never register: registration token and name stand for the session that they lack. */
  async workerByName(headers: Headers): Promise<Member> {
    if ((headers[HEADER.sessionToken] ?? '') !== '') return (await this.session(headers)).member;
    const token = headers[HEADER.registrationToken] ?? '';
    const found = await this.store.read((sql) => findToken(sql, token));
    if (found?.poolId == null || stateOfToken(found, this.clock.wallMs()) !== 'valid') {
      throw new RpcError('PERMISSION_DENIED', 'this hub does not know the registration token, or it has expired');
    }
    const name = headers[HEADER.workerName] ?? '';
    await this.roster.sync();
    const member =
      this.fleet.findCalled(found.poolId, name) ?? this.fleet.findCalled(found.poolId, name.split(', ')[0] ?? '');
    if (member === undefined) throw new RpcError('NOT_FOUND', `no worker "${name}" is registered`);
    return member;
  }

  async task(headers: Headers, body: Identified = {}): Promise<TaskRecord> {
    const id = headers[HEADER.taskId] || (body.taskId ? String(body.taskId) : '');
    const secret = headers[HEADER.clientSecret] || (body.secret ?? '');
    if (id === '' || secret === '') throw new RpcError('UNAUTHENTICATED', 'task id and client secret are required');
    if (!/^-?\d{1,19}$/.test(id)) throw new RpcError('INVALID_ARGUMENT', 'the task id is not a decimal number');
    const task = await this.store.read((sql) => findTask(sql, Number(id)));
    if (task === undefined) throw new RpcError('NOT_FOUND', 'no such task');
    if (!sameSecret(secret, task.clientSecret)) throw new RpcError('UNAUTHENTICATED', 'wrong client secret');
    return task;
  }

  /** The task of an agent. What comes of a run that was given up is refused (FAILED_PRECONDITION). */
  async liveTask(headers: Headers, body?: Identified): Promise<TaskRecord> {
    const task = await this.task(headers, body);
    refuseGivenUp(task);
    return task;
  }
}

type Unary<Input extends DescMessage, Output extends DescMessage, Caller> = (
  caller: Caller,
  request: MessageShape<Input>,
  context: CallContext,
) => Promise<MessageInitShape<Output>>;

/** A method that a registered worker calls. */
export function workerMethod<Input extends DescMessage, Output extends DescMessage>(
  auth: Authenticator,
  method: DescMethodUnary<Input, Output>,
  run: Unary<Input, Output, Session>,
): MethodHandler {
  return unaryHandler(method, async (request, context) => run(await auth.session(context.headers), request, context));
}

/** A method that a worker calls about one of its tasks: session and the task's own secret must both be right. */
export function workerTaskMethod<Input extends DescMessage, Output extends DescMessage>(
  auth: Authenticator,
  method: DescMethodUnary<Input, Output>,
  bodyOf: (request: MessageShape<Input>) => Identified | undefined,
  run: Unary<Input, Output, TaskRecord>,
): MethodHandler {
  return unaryHandler(method, async (request, context) => {
    await auth.session(context.headers);
    return run(await auth.task(context.headers, bodyOf(request)), request, context);
  });
}

/** A method that `pause` and `resume` call. */
export function namedWorkerMethod<Input extends DescMessage, Output extends DescMessage>(
  auth: Authenticator,
  method: DescMethodUnary<Input, Output>,
  run: Unary<Input, Output, Member>,
): MethodHandler {
  return unaryHandler(method, async (request, context) =>
    run(await auth.workerByName(context.headers), request, context),
  );
}

/** A method that the agent of a task calls. */
export function agentMethod<Input extends DescMessage, Output extends DescMessage>(
  auth: Authenticator,
  method: DescMethodUnary<Input, Output>,
  run: Unary<Input, Output, TaskRecord>,
): MethodHandler {
  return unaryHandler(method, async (request, context) => {
    const { taskIdentification } = request as { taskIdentification?: Identified };
    return run(await auth.liveTask(context.headers, taskIdentification), request, context);
  });
}

/** A stream that the agent of a task sends. */
export function agentUpload<Input extends DescMessage, Output extends DescMessage>(
  auth: Authenticator,
  method: UploadMethod<Input, Output>,
  run: (
    task: TaskRecord,
    messages: AsyncIterable<MessageShape<Input>>,
    context: CallContext,
  ) => Promise<MessageInitShape<Output>>,
): MethodHandler {
  return uploadHandler(method, async (messages, context) =>
    run(await auth.liveTask(context.headers), messages, context),
  );
}
