import { FileLogs } from '../../../src/hub/logs/file-logs.ts';
import { LogReader } from '../../../src/hub/logs/log-reader.ts';
import type { LogStorage } from '../../../src/hub/logs/log-storage.ts';
import { folderObjects } from '../../../src/hub/logs/object-store.ts';
import { RowLogs } from '../../../src/hub/logs/row-logs.ts';
import { Segments } from '../../../src/hub/logs/segments.ts';
import type { Database } from '../../../src/hub/store/database.ts';
import type { LogName } from '../../../src/hub/store/logs.ts';
import type { Engine } from '../../support/engines.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { quietLogger } from '../../support/quiet-logger.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { storeBuild } from '../store/store-build.ts';

export const bytes = (text: string) => new TextEncoder().encode(text);
export const piece = (text: string) => ({ data: bytes(text) });

/** The storage that hubs use on an engine, over a build with one task. */
export async function logScene(engine: Engine) {
  const made = await engine.open();
  const folder = tempFolder();
  const clock = new FakeClock();
  const objects = folderObjects(`${folder.path}/objects`);
  const segments = new Segments(made.store, objects, clock, quietLogger().log);
  const { buildId, taskIds } = await storeBuild(made.store, [{ name: 'unit', scripts: ['setup', 'main'] }]);
  const log: LogName = { buildId, taskId: taskIds[0] ?? 0, instruction: 'main' };
  const open = (store: Database): Promise<LogStorage> =>
    engine.name === 'sqlite'
      ? FileLogs.open(store, `${folder.path}/logs`, clock)
      : Promise.resolve(new RowLogs(store, segments, clock));
  const storage = await open(made.store);
  const reader = new LogReader(made.store, storage);
  const whole = async (through = reader) => {
    let all = '';
    for await (const part of through.whole(log)) all += new TextDecoder().decode(part);
    return all;
  };
  const close = async () => {
    await storage.close();
    await made[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  };
  return {
    ...made,
    folder: folder.path,
    clock,
    segments,
    log,
    open,
    storage,
    reader,
    whole,
    [Symbol.asyncDispose]: close,
  };
}
