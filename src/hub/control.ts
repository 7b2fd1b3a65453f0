import type { Core } from './core.ts';
import type { Explainer } from './explainer.ts';
import type { BuildView, DecisionView, TaskControl, TaskView, WhyView } from './model.ts';
import type { Database } from './store/database.ts';
import { decisionsAbout } from './store/decisions.ts';
import { idOf } from './store/ids.ts';
import { forgetExpectedCapacity, saveExpectedCapacity } from './store/pool-capacity.ts';
import type { HubTaskControl } from './task-control.ts';

export interface ControlDeps {
  readonly store: Database;
  readonly core: Core;
  readonly explainer: Explainer;
  readonly tasks: HubTaskControl;
}

/** What people may ask of tasks and builds, in the terms of the outside. */
export class Control implements TaskControl {
  constructor(private readonly deps: ControlDeps) {}

  whyTask(id: string): Promise<WhyView | undefined> {
    return this.deps.explainer.why(idOf(id));
  }

  decisionsAbout(taskId: string): Promise<DecisionView[]> {
    return this.deps.store.read((sql) => decisionsAbout(sql, idOf(taskId)));
  }

  async cancelTask(id: string, by: string): Promise<TaskView | undefined> {
    return (await this.deps.tasks.cancelTask(idOf(id), by)) ? this.deps.core.getTask(id) : undefined;
  }

  async cancelBuild(id: string, by: string): Promise<BuildView | undefined> {
    return (await this.deps.tasks.cancelBuild(idOf(id), by)) ? this.deps.core.getBuild(id) : undefined;
  }

  async rerunTask(id: string, by: string): Promise<TaskView | undefined> {
    const run = await this.deps.tasks.rerunTask(idOf(id), by);
    return run === undefined ? undefined : this.deps.core.getTask(String(run));
  }

  async rerunBuild(id: string, by: string): Promise<BuildView | undefined> {
    return (await this.deps.tasks.rerunBuild(idOf(id), by)) ? this.deps.core.getBuild(id) : undefined;
  }

  async triggerTask(id: string, by: string): Promise<TaskView | undefined> {
    return (await this.deps.tasks.triggerTask(idOf(id), by)) ? this.deps.core.getTask(id) : undefined;
  }

  labelPullRequest(repository: string, number: number, labels: readonly string[]): Promise<void> {
    return this.deps.tasks.labelPullRequest(repository, number, labels);
  }

  async expectCapacity(pool: string, expected: { readonly at: string; readonly note: string } | null): Promise<void> {
    await this.deps.store.write((sql) =>
      expected === null
        ? forgetExpectedCapacity(sql, pool)
        : saveExpectedCapacity(sql, { pool, atMs: Date.parse(expected.at), note: expected.note }),
    );
  }
}
