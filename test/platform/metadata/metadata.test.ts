import { describe, expect, test } from 'bun:test';
import { inspect } from 'node:util';
import { createMetadata } from '../../../src/platform/metadata/metadata.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { NEVER, rig, START_MS } from './metadata-support.ts';

describe('what the service says is understood', () => {
  test('identity, with the time of the service', async () => {
    await using world = await rig();
    world.service.dateOffsetMs = -40 * 86_400_000;
    expect(await world.metadata.identity(NEVER)).toEqual({
      ok: true,
      dateMs: START_MS - 40 * 86_400_000,
      value: {
        instanceId: 'i-0123456789abcdef0',
        region: 'eu-central-1',
        launchedAtMs: START_MS - 3_600_000,
        availabilityZone: 'eu-central-1a',
        instanceType: 'mac2.metal',
        architecture: 'arm64',
        imageId: 'ami-0123456789abcdef0',
        accountId: '123456789012',
        privateIp: '10.0.0.7',
      },
    });
  });

  test('a tag, its change while the machine runs, and its end', async () => {
    await using world = await rig();
    const read = async () => {
      const answer = await world.metadata.tag('PWPoolReady', NEVER);
      return answer.ok ? answer.value : answer.problem;
    };
    expect(await read()).toEqual({ present: true, value: 'true' });
    world.service.instance.tags = { PWPoolReady: 'false' };
    expect(await read()).toEqual({ present: true, value: 'false' });
    world.service.instance.tags = { Name: 'x' };
    expect(await read()).toEqual({ present: false, hint: undefined });
  });

  test('tags that the service does not show are told apart from a tag that is missing', async () => {
    await using world = await rig();
    world.service.instance.tags = null;
    const answer = await world.metadata.tag('PWPoolReady', NEVER);
    expect(answer).toMatchObject({ ok: true, value: { present: false } });
    expect(answer.ok && !answer.value.present && answer.value.hint).toContain('InstanceMetadataTags=enabled');
  });

  test('a tag that cannot be told to be missing is not said to be missing', async () => {
    await using world = await rig();
    world.service.instance.tags = {};
    expect(await world.metadata.tag('PWPoolReady', NEVER)).toMatchObject({ ok: false }); // the list is empty
    world.service.instance.tags = { PWPoolReady: 'true' };
    world.service.fault(404, '/latest/meta-data/tags/instance/PWPoolReady');
    expect(await world.metadata.tag('PWPoolReady', NEVER)).toMatchObject({
      ok: false,
      problem: expect.stringContaining('although the list names it'),
    });
    world.service.fault(503, '/latest/meta-data/tags/instance');
    world.service.fault(404, '/latest/meta-data/tags/instance/PWPoolReady');
    expect(await world.metadata.tag('PWPoolReady', NEVER)).toMatchObject({ ok: false });
  });

  test.each([
    ['true\u0000', 'true\uFFFD'],
    ['\u001b[2Jtrue', '\uFFFD[2Jtrue'],
    ['true\n', 'true\uFFFD'],
    ['\uFEFFtrue', '\uFFFDtrue'],
    ['\u202Eeurt', '\uFFFDeurt'],
    ['grün ✓', 'grün ✓'],
    [' true', ' true'],
    ['x'.repeat(300), `${'x'.repeat(256)}…`],
  ])('a tag with strange characters: %j', async (stored, read) => {
    await using world = await rig();
    world.service.instance.tags = { PWPoolReady: stored };
    expect(await world.metadata.tag('PWPoolReady', NEVER)).toMatchObject({
      ok: true,
      value: { present: true, value: read },
    });
  });

  test.each(['', '..', '.', '_index', 'a/b', 'a b', 'ä', '../../user-data', 'x\r\nEvil: 1'])(
    'a tag named %j is not asked for',
    async (key) => {
      await using world = await rig();
      expect((await world.metadata.tag(key, NEVER)).ok).toBe(false);
      expect(world.service.requests).toEqual([]);
    },
  );

  test('notices of all three kinds, and none', async () => {
    await using world = await rig();
    expect(await world.metadata.notices(NEVER)).toEqual({ ok: true, value: [], dateMs: START_MS });
    world.service.instance.maintenance = [
      { NotBefore: '21 Jan 2026 09:00:43 GMT', Code: 'system-reboot', EventId: 'instance-event-1', State: 'active' },
    ];
    world.service.instance.spot = { action: 'terminate', time: '2026-01-01T00:02:00Z' };
    world.service.instance.rebalance = { noticeTime: '2026-01-01T00:00:00Z' };
    const kinds = async () => {
      const answer = await world.metadata.notices(NEVER);
      return answer.ok ? answer.value.map(({ kind, atMs }) => [kind, atMs - START_MS]) : answer.problem;
    };
    const inTwentyDays = 20 * 86_400_000 + 32_443_000;
    expect(await kinds()).toEqual([
      ['maintenance', inTwentyDays],
      ['spot', 120_000],
      ['rebalance', 0],
    ]);
    world.service.fault('empty', '/latest/meta-data/spot');
    expect(await kinds()).toEqual([
      ['maintenance', inTwentyDays],
      ['rebalance', 0],
    ]);
    world.service.instance.maintenance = [];
    world.service.instance.rebalance = null;
    expect(await kinds()).toBe('/latest/meta-data/spot/instance-action: answered with nothing');
  });

  test('credentials of the role, which nothing prints', async () => {
    await using world = await rig();
    const answer = await world.metadata.credentials(NEVER);
    if (!answer.ok) throw new Error(answer.problem);
    const { accessKeyId, secretAccessKey, sessionToken, expiresAtMs } = answer.value;
    expect([accessKeyId, secretAccessKey.reveal(), sessionToken.reveal(), expiresAtMs]).toEqual([
      'ASIAEXAMPLE',
      'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
      'IQoJb3JpZ2luX2VjEXAMPLE//token==',
      START_MS + 6 * 3_600_000,
    ]);
    expect(JSON.stringify(answer) + inspect(answer)).not.toMatch(/wJalr|IQoJ/);
    world.service.instance.role = null;
    expect(await world.metadata.credentials(NEVER)).toMatchObject({
      ok: false,
      problem: expect.stringContaining('no role'),
    });
  });
});

describe('the session token', () => {
  const GET = 'GET /latest/meta-data/tags/instance/PWPoolReady';
  const PUT = 'PUT /latest/api/token';

  test('is asked for once, and renewed before its end', async () => {
    await using world = await rig();
    const read = () => world.metadata.tag('PWPoolReady', NEVER);
    await read();
    await read();
    expect(world.service.requests).toEqual([PUT, GET, GET]);
    await world.clock.advance(21_600_000 - 60_001);
    await read();
    expect(world.service.requests.slice(3)).toEqual([GET]);
    await world.clock.advance(1);
    expect(await read()).toMatchObject({ ok: true });
    expect(world.service.requests.slice(4)).toEqual([PUT, GET]);
    expect(world.service.seen[0]?.headers['x-aws-ec2-metadata-token-ttl-seconds']).toBe('21600');
  });

  test.each([
    [60, 30],
    [600, 540],
    [1_000_000, 21_540],
  ])('one that lives for %d s is renewed after %d s', async (tokenSeconds, renewedAfter) => {
    await using world = await rig();
    world.service.tokenSeconds = tokenSeconds;
    await world.metadata.tag('PWPoolReady', NEVER);
    await world.clock.advance(renewedAfter * 1_000 - 1);
    await world.metadata.tag('PWPoolReady', NEVER);
    expect(world.service.requests).toEqual([PUT, GET, GET]);
    await world.clock.advance(1);
    await world.metadata.tag('PWPoolReady', NEVER);
    expect(world.service.requests.slice(3)).toEqual([PUT, GET]);
  });

  test('is replaced when the service does not know it any more', async () => {
    await using world = await rig();
    await world.metadata.tag('PWPoolReady', NEVER);
    world.service.forgetTokens();
    expect(await world.metadata.tag('PWPoolReady', NEVER)).toMatchObject({ ok: true });
    expect(world.service.requests.slice(2)).toEqual([GET, PUT, GET]);
  });

  test('a service that refuses even a new token is asked just twice', async () => {
    await using world = await rig();
    world.service.fault(401, '/latest/meta-data');
    expect(await world.metadata.tag('PWPoolReady', NEVER)).toEqual({
      ok: false,
      problem: '/latest/meta-data/tags/instance/PWPoolReady: answered 401',
    });
    expect(world.service.requests).toEqual([PUT, GET, PUT, GET]);
  });

  test('a service that is switched off says so', async () => {
    await using world = await rig();
    world.service.instance.disabled = true;
    expect(await world.metadata.identity(NEVER)).toEqual({
      ok: false,
      problem: '/latest/api/token: answered 403: the metadata service is switched off for this instance',
    });
  });
});

describe('nothing but the service itself is asked', () => {
  test.each([
    'http://169.254.169.253',
    'http://169.254.169.254:8080',
    'http://169.254.169.254@evil.example',
    'http://169.254.169.254.example',
    'http://2852039166',
    'http://169.254.169.254/latest',
    'https://169.254.169.254',
    'http://metadata.example',
    'http://localhost:1338',
    'http://127.0.0.1:99999',
    'http://127.0.0.999',
    'http://[fd00:ec2::255]',
    'http://[::2]',
    '',
  ])('%s is no endpoint', (endpoint) => {
    expect(() => createMetadata({ endpoint, fetch, clock: new FakeClock() })).toThrow(
      `"${endpoint}" is not the address of a metadata service`,
    );
  });

  test.each([
    'http://169.254.169.254',
    'http://169.254.169.254/',
    'http://[fd00:ec2::254]',
    'http://127.0.0.1:1338',
    'http://127.8.9.10',
    'http://[::1]:1338/',
  ])('%s is one', (endpoint) => {
    expect(() => createMetadata({ endpoint, fetch, clock: new FakeClock() })).not.toThrow();
  });
});
