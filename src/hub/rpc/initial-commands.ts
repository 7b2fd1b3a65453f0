import type { MessageInitShape } from '@bufbuild/protobuf';
import type { CommandsResponseSchema } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { SourceAccess } from '../model.ts';
import { findBuild } from '../store/builds.ts';
import type { Database } from '../store/database.ts';
import { instructionsOf } from '../store/instructions.ts';
import { decodeTask } from '../store/task-definition.ts';
import { definitionOf, findTask, type TaskRecord, tasksOfBuild } from '../store/tasks.ts';

/** An address handed to a task outlives it by so much, since clocks differ and the task's window ends later. */
const ADDRESS_MARGIN_MS = 15 * 60_000;

/** Variables that every task gets (agent specification, section 5.1). */
function builtIn(task: TaskRecord, siblings: number): Record<string, string> {
  return {
    CI: 'true',
    CONTINUOUS_INTEGRATION: 'true',
    CIRRUS_CI: 'true',
    CIRRUS_ENVIRONMENT: 'pwagent',
    CIRRUS_BUILD_ID: String(task.buildId),
    CIRRUS_TASK_ID: String(task.id),
    CIRRUS_TASK_NAME: task.name,
    CI_NODE_INDEX: String(task.groupId),
    CI_NODE_TOTAL: String(siblings),
    CIRRUS_USER_COLLABORATOR: 'true',
    CIRRUS_USER_PERMISSION: 'write',
  };
}

/** What an agent is told to do. */
export class Commands {
  constructor(
    private readonly store: Database,
    private readonly source: SourceAccess,
  ) {}

  /** Environment (ours, then the source's, then the task's own), instructions, timeout and secrets of a task. */
  async forTask(taskId: number): Promise<MessageInitShape<typeof CommandsResponseSchema>> {
    const found = await this.store.read(async (sql) => {
      const task = await findTask(sql, taskId);
      const build = task === undefined ? undefined : await findBuild(sql, task.buildId);
      if (task === undefined || build === undefined) return undefined;
      const [definition, instructions] = [await definitionOf(sql, taskId), await instructionsOf(sql, taskId)];
      return { task, build, definition, instructions, siblings: (await tasksOfBuild(sql, build.id)).length };
    });
    if (found === undefined) throw new RpcError('NOT_FOUND', 'no such task');
    const { task, build, definition, instructions, siblings } = found;
    const { environment, commands } = decodeTask(definition);
    const source = this.source.environmentFor(
      { ...build, id: String(build.id) },
      task.timeoutSeconds * 1000 + ADDRESS_MARGIN_MS,
    );
    return {
      environment: { ...builtIn(task, siblings), ...source.environment, ...environment },
      commands,
      serverToken: task.serverSecret,
      timeoutInSeconds: BigInt(task.timeoutSeconds),
      secretsToMask: source.secrets.filter((secret) => secret !== ''),
      resumableLogs: true,
      failedAtLeastOnce: instructions.some(({ status }) => status === 'FAILED'),
    };
  }
}
