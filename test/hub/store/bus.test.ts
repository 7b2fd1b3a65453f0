import { expect } from 'bun:test';
import type { News } from '../../../src/hub/store/bus.ts';
import { Database } from '../../../src/hub/store/database.ts';
import { onBothEngines } from '../../support/engines.ts';
import { waitFor } from '../../support/wait-for.ts';

onBothEngines('news between hubs', (engine) => {
  engine.test('what a hub publishes it hears at once and once, until it no longer listens', async () => {
    await using made = await engine.open();
    const bus = await made.store.openBus('one');
    const heard: News[] = [];
    const stop = new AbortController();
    bus.subscribe((news) => heard.push(news), stop.signal);
    bus.publish({ kind: 'build', buildId: 7 });
    expect(heard).toEqual([{ kind: 'build', buildId: 7 }]);
    stop.abort();
    bus.publish({ kind: 'fleet' });
    await bus.close();
    expect(heard).toHaveLength(1);
  });

  if (engine.name === 'sqlite') return;

  engine.test('other hubs on the same database hear it, the same news of one turn once', async () => {
    await using made = await engine.open();
    const other = await Database.open(made.address);
    const [one, two] = [await made.store.openBus('one'), await other.openBus('two')];
    const heard: News[] = [];
    const stop = new AbortController();
    two.subscribe((news) => heard.push(news), stop.signal);
    for (let count = 0; count < 3; count += 1) one.publish({ kind: 'wake', workerId: 5 });
    for (let buildId = 1; buildId <= 250; buildId += 1) one.publish({ kind: 'build', buildId });
    one.publish({ kind: 'fleet' });
    await waitFor('news of the other hub', () => heard.length >= 252);
    expect(heard).toHaveLength(252);
    expect(heard.filter(({ kind }) => kind === 'wake')).toEqual([{ kind: 'wake', workerId: 5 }]);
    expect(heard.at(-1)).toEqual({ kind: 'fleet' });
    stop.abort();
    for (const bus of [one, two]) await bus.close();
    await other.close();
  });

  engine.test('a hub whose connection broke is told that it may have missed something', async () => {
    await using made = await engine.open();
    const bus = await made.store.openBus('one');
    const heard: News[] = [];
    const stop = new AbortController();
    bus.subscribe((news) => heard.push(news), stop.signal);
    const others = await made.store.write(
      (sql) => sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
    expect(others.length).toBeGreaterThan(0);
    await waitFor('the connection to be made again', () => heard.some(({ kind }) => kind === 'resync'));
    stop.abort();
    await bus.close();
  });
});
