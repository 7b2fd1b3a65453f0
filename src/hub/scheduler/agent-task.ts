import { create } from '@bufbuild/protobuf';
import {
  type PollResponse_AgentAwareTask,
  PollResponse_AgentAwareTaskSchema,
} from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { Queries } from '../store/database.ts';
import { decodeTask, placementOf } from '../store/task-definition.ts';
import { definitionOf, type TaskRecord } from '../store/tasks.ts';

/** What a worker needs to start the task (wire protocol, section 8.1). */
export async function agentTask(
  sql: Queries,
  task: Pick<TaskRecord, 'id' | 'clientSecret' | 'serverSecret'>,
): Promise<PollResponse_AgentAwareTask> {
  const { isolation, resources } = placementOf(decodeTask(await definitionOf(sql, task.id)));
  return create(PollResponse_AgentAwareTaskSchema, {
    taskId: String(task.id),
    oldTaskId: BigInt(task.id),
    clientSecret: task.clientSecret,
    serverSecret: task.serverSecret,
    resourcesToUse: resources,
    ...(isolation === undefined ? {} : { isolation }),
  });
}
