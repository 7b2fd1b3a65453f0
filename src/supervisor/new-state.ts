import type { State } from './policy-types.ts';

/** Where a life begins. */
export const NEW_STATE: State = {
  phase: 'starting',
  reason: 'no worker has registered yet',
  servedAgeMs: null,
  ending: null,
  unusable: null,
  worker: { tag: 'none' },
  restartAgesMs: [],
  running: [],
  intake: 'paused',
  trouble: null,
  lowDisk: false,
  ready: null,
  metadata: { failures: 0, lost: false },
  notice: null,
  finishedTasks: 0,
  dirty: null,
  lookedAgeMs: 0,
  urgent: false,
  ladder: { attempts: 0, lastStep: null, lastError: null, fruitless: false },
};
