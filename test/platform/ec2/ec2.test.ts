import { describe, expect, test } from 'bun:test';
import { Secret } from '../../../src/lib/secret.ts';
import { type Answer, type Fetch, failure } from '../../../src/platform/bounded-request.ts';
import { createEc2, type Ec2 } from '../../../src/platform/ec2/ec2.ts';
import type { SigningCredentials } from '../../../src/platform/ec2/sigv4.ts';
import { createMetadata } from '../../../src/platform/metadata/metadata.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeEc2 } from '../../support/fake-ec2.ts';
import { FakeMetadata } from '../../support/fake-metadata.ts';
import { waitFor } from '../../support/wait-for.ts';

const NEVER = new AbortController().signal;
const START_MS = Date.UTC(2026, 0, 1);
const ID = 'i-0123456789abcdef0';
const REGION = 'eu-central-1';
const CALLER = { accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 'secret', token: 'session//token==' };

interface Rig extends AsyncDisposable {
  readonly clock: FakeClock;
  readonly service: FakeEc2;
  readonly ec2: Ec2;
  readonly fetch: Fetch;
  /** Nothing will happen any more before time passes. */
  readonly idle: () => boolean;
}

type Known = () => Answer<SigningCredentials>;

function credentials(secret = CALLER.secretAccessKey) {
  const { accessKeyId, token } = CALLER;
  return { accessKeyId, secretAccessKey: new Secret(secret), sessionToken: new Secret(token) };
}

async function rig(known?: Known): Promise<Rig> {
  const clock = new FakeClock(START_MS);
  const service = await new FakeEc2({ ...CALLER, nowMs: clock.wallMs }).start();
  service.run(ID);
  const count = { started: 0, flying: 0 };
  const counting: Fetch = async (url, init) => {
    count.started += 1;
    count.flying += 1;
    try {
      const response = await fetch(url, init);
      return new Response(await response.text(), response);
    } finally {
      count.flying -= 1;
    }
  };
  const ec2 = createEc2({
    credentials: async () => known?.() ?? { ok: true, value: credentials(), dateMs: clock.wallMs() },
    region: REGION,
    endpoint: service.endpoint,
    fetch: counting,
    clock,
    random: () => 0.5,
  });
  const idle = () => count.flying === 0 || (service.hanging && service.requests === count.started);
  return { clock, service, ec2, fetch: counting, idle, [Symbol.asyncDispose]: () => service[Symbol.asyncDispose]() };
}

/** Lets virtual time run whenever nothing else can happen, until the answer is there. */
async function finish<T>({ clock, idle }: Rig, work: Promise<T>): Promise<T> {
  while (Bun.peek.status(work) === 'pending') {
    if (idle()) await clock.advance(250);
    else await Bun.sleep(1);
  }
  return work;
}

test('a machine ends itself', async () => {
  await using world = await rig();
  expect(await world.ec2.terminateSelf(ID, NEVER)).toEqual({ ok: true });
  expect(world.service.instances.get(ID)?.state).toBe('shutting-down');
  world.service.settle();
  expect(await world.ec2.terminateSelf(ID, NEVER)).toEqual({ ok: true }); // asked again, it says so again
  expect(world.service.calls).toEqual([
    { Action: 'TerminateInstances', 'InstanceId.1': ID, Version: '2016-11-15' },
    { Action: 'TerminateInstances', 'InstanceId.1': ID, Version: '2016-11-15' },
  ]);
});

test.each([
  ['pwagent:ended', 'hard-cap'],
  ['a key', 'ä & b = c + d/e?f%20*(\'~") \u{1f980}'],
])('a tag is set, character by character: %s', async (key, value) => {
  await using world = await rig();
  expect(await world.ec2.setTag(ID, key, value, NEVER)).toEqual({ ok: true });
  expect([...(world.service.instances.get(ID)?.tags ?? [])]).toEqual([[key, value]]);
});

describe('refusals', () => {
  test.each(['UnauthorizedOperation', 'InvalidInstanceID.NotFound', 'OptInRequired'])('%s is final', async (code) => {
    await using world = await rig();
    world.service.next.push(code);
    expect(await world.ec2.terminateSelf(ID, NEVER)).toEqual({
      ok: false,
      problem: `EC2: ${code}: You <are> refused & told so: ${code}`,
    });
    expect(world.service.requests).toBe(1);
  });

  test('an instance that is not there', async () => {
    await using world = await rig();
    expect(await world.ec2.terminateSelf('i-00000000', NEVER)).toMatchObject({
      problem: expect.stringContaining('InvalidInstanceID.NotFound'),
    });
  });

  test.each(['RequestLimitExceeded', 'InternalError', 'Throttling', 'ExpiredToken'])(
    '%s is tried again, each time a little later',
    async (code) => {
      await using world = await rig();
      world.service.next.push(code, code);
      const work = world.ec2.terminateSelf(ID, NEVER);
      await waitFor('the first refusal', () => world.service.requests === 1 && world.idle());
      await world.clock.advance(374);
      expect(world.service.requests).toBe(1);
      await world.clock.advance(1);
      await waitFor('the second refusal', () => world.service.requests === 2 && world.idle());
      await world.clock.advance(749);
      expect(world.service.requests).toBe(2);
      expect(await finish(world, work)).toEqual({ ok: true });
    },
  );

  test('tries have an end, and the last refusal is told', async () => {
    await using world = await rig();
    world.service.next.push(...Array.from({ length: 20 }, () => 'RequestLimitExceeded'));
    expect(await finish(world, world.ec2.terminateSelf(ID, NEVER))).toMatchObject({
      ok: false,
      problem: expect.stringContaining('RequestLimitExceeded'),
    });
    expect(world.service.requests).toBe(8);
    expect(world.clock.pending).toBe(0);
  });

  test('a web page is no success', async () => {
    await using world = await rig();
    world.service.next.push('html', 'html');
    expect(await world.ec2.terminateSelf(ID, NEVER)).toMatchObject({ ok: false });
    expect(await world.ec2.setTag(ID, 'a', 'b', NEVER)).toMatchObject({ ok: false });
    expect(world.service.instances.get(ID)?.state).toBe('running');
  });

  test('without credentials nothing is sent', async () => {
    await using world = await rig(() => failure('the instance has no role'));
    expect(await finish(world, world.ec2.terminateSelf(ID, NEVER))).toEqual({
      ok: false,
      problem: 'no credentials: the instance has no role',
    });
    expect(world.service.requests).toBe(0);
  });
});

describe('time', () => {
  test('a try takes 5 s, setting a tag 5 s in all', async () => {
    await using world = await rig();
    world.service.next.push('hang');
    expect(await finish(world, world.ec2.terminateSelf(ID, NEVER))).toEqual({ ok: true });
    expect(world.clock.monoMs()).toBeLessThanOrEqual(5_750); // and one pause between the tries
    world.service.next.push('hang', 'hang');
    const before = world.clock.monoMs();
    expect(await finish(world, world.ec2.setTag(ID, 'a', 'b', NEVER))).toMatchObject({ ok: false });
    expect(world.clock.monoMs() - before).toBeLessThanOrEqual(5_250);
    expect(world.clock.pending).toBe(0);
  });

  test('ending the machine is tried for a minute', async () => {
    await using world = await rig();
    world.service.next.push(...Array.from({ length: 20 }, () => 'hang'));
    expect(await finish(world, world.ec2.terminateSelf(ID, NEVER))).toMatchObject({ ok: false });
    expect(world.clock.monoMs()).toBeLessThanOrEqual(60_250);
    expect(world.service.requests).toBe(8);
  });

  test('when time is up, what EC2 said is told rather than that', async () => {
    await using world = await rig();
    world.service.next.push('RequestLimitExceeded', 'hang');
    expect(await finish(world, world.ec2.setTag(ID, 'a', 'b', NEVER))).toMatchObject({
      problem: expect.stringContaining('RequestLimitExceeded'),
    });
  });

  test('whoever cancels waits no longer', async () => {
    await using world = await rig();
    world.service.next.push('hang');
    const leaving = new AbortController();
    const work = world.ec2.terminateSelf(ID, leaving.signal);
    await waitFor('the request', () => world.service.requests === 1);
    leaving.abort();
    expect(await work).toEqual({ ok: false, problem: 'cancelled' });
    expect(world.clock.pending).toBe(0);
  });

  test.each([-40, 40])('the signature bears the time of EC2, however wrong the machine is (%d days)', async (days) => {
    await using world = await rig();
    const said = (dateMs: number | undefined) => async () => ({ ok: true, value: credentials(), dateMs }) as const;
    const off = new FakeClock(START_MS + days * 86_400_000);
    const common = { region: REGION, endpoint: world.service.endpoint, fetch: world.fetch, clock: off };
    // The service's Date is right and the wall clock is not.
    const byDate = createEc2({ ...common, credentials: said(START_MS) });
    expect(await byDate.setTag(ID, 'a', 'b', NEVER)).toEqual({ ok: true });
    expect(world.service.requests).toBe(1);
    // Both are wrong: EC2 refuses, and its own Date helps.
    const byRefusal = createEc2({ ...common, credentials: said(undefined) });
    const work = byRefusal.setTag(ID, 'a', 'c', NEVER);
    expect(await finish({ ...world, clock: off }, work)).toEqual({ ok: true });
    expect(world.service.requests).toBe(3);
  });
});

test('with the role of the machine, from metadata to EC2', async () => {
  const clock = new FakeClock(START_MS);
  await using imds = await new FakeMetadata({ nowMs: clock.wallMs }).start();
  const role = imds.instance.role;
  if (role === null) throw new Error('the stand-in has a role');
  await using service = await new FakeEc2({ ...role, nowMs: clock.wallMs }).start();
  service.run(ID);
  const metadata = createMetadata({ endpoint: imds.endpoint, fetch, clock });
  const identity = await metadata.identity(NEVER);
  if (!identity.ok) throw new Error(identity.problem);
  const { region, instanceId } = identity.value;
  const ec2 = createEc2({ credentials: metadata.credentials, region, endpoint: service.endpoint, fetch, clock });
  expect(await ec2.terminateSelf(instanceId, NEVER)).toEqual({ ok: true });
});

test('the stand-in refuses what is not signed right', async () => {
  await using world = await rig();
  const deps = { region: REGION, endpoint: world.service.endpoint, fetch, clock: world.clock };
  const wrong = async () => ({ ok: true, value: credentials('other'), dateMs: START_MS }) as const;
  expect(await createEc2({ ...deps, credentials: wrong }).terminateSelf(ID, NEVER)).toMatchObject({
    problem: expect.stringContaining('SignatureDoesNotMatch'),
  });
  expect(world.service.instances.get(ID)?.state).toBe('running');
});

describe('where signed requests may go', () => {
  const seen: string[] = [];
  const recording = async (url: string) => {
    seen.push(url);
    return new Response('<return>true</return>');
  };
  const make = (region: string, endpoint?: string) => {
    const value = { accessKeyId: 'a', secretAccessKey: new Secret('b') };
    const credentials = async () => ({ ok: true, value, dateMs: undefined }) as const;
    return createEc2({ credentials, region, endpoint, fetch: recording, clock: new FakeClock() });
  };

  test.each([
    ['eu-central-1', undefined, 'https://ec2.eu-central-1.amazonaws.com/'],
    ['cn-north-1', undefined, 'https://ec2.cn-north-1.amazonaws.com.cn/'],
    [
      'eu-central-1',
      'https://vpce-1.ec2.eu-central-1.vpce.amazonaws.com',
      'https://vpce-1.ec2.eu-central-1.vpce.amazonaws.com/',
    ],
  ])('%s %p', async (region, endpoint, url) => {
    seen.length = 0;
    expect(await make(region, endpoint).setTag(ID, 'a', 'b', NEVER)).toEqual({ ok: true });
    expect(seen).toEqual([url]);
  });

  test.each(['http://ec2.example', 'http://169.254.169.254', 'ftp://x', 'https://', ''])(
    '%j is refused',
    (endpoint) => {
      expect(() => make('eu-central-1', endpoint)).toThrow(`"${endpoint}" is no endpoint for EC2`);
    },
  );
});
