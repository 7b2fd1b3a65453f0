import type { MessageInitShape } from '@bufbuild/protobuf';
import type { CommandsResponseSchema } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import { CLONE_TOKEN, isEncrypted } from '../secrets/encrypted.ts';
import type { SecretVault } from '../secrets/vault.ts';
import { repositoryKey } from '../source/repository-policy.ts';
import type { SourceAccess } from '../source/source-access.ts';
import { findBuild } from '../store/builds.ts';
import type { Database } from '../store/database.ts';
import { instructionsOf } from '../store/instructions.ts';
import { originOf } from '../store/origins.ts';
import { decodeTask } from '../store/task-definition.ts';
import { countTasks, definitionOf, findTask } from '../store/tasks.ts';
import type { BuildOrigin } from '../variables/origin.ts';
import { taskVariables } from '../variables/variables.ts';

/** An address handed to a task outlives it by so much, since clocks differ and the task's window ends later. */
const ADDRESS_MARGIN_MS = 15 * 60_000;

const NO_SOURCE = { environment: {}, secrets: [] };

/** What an agent is told to do. */
export class Commands {
  constructor(
    private readonly store: Database,
    private readonly source: SourceAccess,
    private readonly vault: Pick<SecretVault, 'find'>,
  ) {}

  /** Environment (ours, then the source's, then the task's own), instructions, timeout and secrets of a task. */
  async forTask(taskId: number): Promise<MessageInitShape<typeof CommandsResponseSchema>> {
    const found = await this.store.read(async (sql) => {
      const task = await findTask(sql, taskId);
      const build = task === undefined ? undefined : await findBuild(sql, task.buildId);
      if (task === undefined || build === undefined) return undefined;
      const [definition, instructions] = [await definitionOf(sql, taskId), await instructionsOf(sql, taskId)];
      const origin = await originOf(sql, build.id);
      return { task, build, definition, instructions, origin, siblings: await countTasks(sql, build.id) };
    });
    if (found === undefined) throw new RpcError('NOT_FOUND', 'no such task');
    const { task, build, definition, instructions, origin, siblings } = found;
    const { environment, commands } = decodeTask(definition);
    const facts = { ...build, id: String(build.id) };
    const known = taskVariables(origin, facts, {
      id: String(task.id),
      name: task.name,
      groupId: task.groupId,
      siblings,
    });
    const source =
      build.treeId === ''
        ? NO_SOURCE
        : this.source.environmentFor(facts, task.timeoutSeconds * 1000 + ADDRESS_MARGIN_MS);
    const secrets = await this.#secretsFor(origin, environment);
    return {
      environment: { ...known, ...source.environment, ...environment, ...secrets },
      commands,
      serverToken: task.serverSecret,
      timeoutInSeconds: BigInt(task.timeoutSeconds),
      secretsToMask: [...source.secrets, ...Object.values(secrets)].filter((secret) => secret !== ''),
      resumableLogs: true,
      failedAtLeastOnce: instructions.some(({ status }) => status === 'FAILED'),
    };
  }

  /** Values for the encrypted variables of a task, and the token that clones its repository; none for strangers. */
  async #secretsFor(origin: BuildOrigin, environment: Readonly<Record<string, string>>) {
    if (!origin.trusted) return {};
    const key = origin.repository === undefined ? '' : repositoryKey(origin.repository.url);
    const values: Record<string, string> = {};
    for (const [variable, text] of Object.entries(environment)) {
      const value = isEncrypted(text) ? await this.vault.find(text, key) : undefined;
      if (value !== undefined) values[variable] = value;
    }
    const token = origin.repository === undefined ? undefined : await this.vault.find(CLONE_TOKEN, key);
    if (token !== undefined && !(CLONE_TOKEN in environment)) values[CLONE_TOKEN] = token;
    return values;
  }
}
