import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { parseCredentials, parseIdentity, parseRoleName } from '../../../src/platform/metadata/documents.ts';
import { parseMaintenance, parseRebalance, parseSpotAction } from '../../../src/platform/metadata/notices.ts';
import { fakeInstance } from '../../support/fake-instance.ts';

const IDENTITY = fakeInstance(Date.UTC(2026, 0, 1)).identity;

describe('identity', () => {
  test.each([
    [{ instanceId: 'i-1234' }, 'instanceId'],
    [{ instanceId: 'i-0123456789abcdef0\n' }, 'instanceId'],
    [{ instanceId: undefined }, 'instanceId'],
    [{ region: 'evil.example/' }, 'region'],
    [{ region: '' }, 'region'],
    [{ pendingTime: 'yesterday' }, 'pendingTime'],
    [{ pendingTime: 1_700_000_000 }, 'pendingTime'],
    [{ instanceType: 7 }, 'instanceType'],
  ])('%j is wrong', (change, key) => {
    expect(parseIdentity(JSON.stringify({ ...IDENTITY, ...change }))).toMatchObject({
      ok: false,
      problem: expect.stringContaining(`${key}: `),
    });
  });

  test.each(['us-gov-west-1', 'cn-north-1', 'ap-southeast-4', 'eusc-de-east-1', 'us-iso-east-1', 'mx-central-1'])(
    'the region %s',
    (region) => expect(parseIdentity(JSON.stringify({ ...IDENTITY, region }))).toMatchObject({ ok: true }),
  );

  test('what is not needed may be missing, and is fit for a log', () => {
    const { instanceId, region, pendingTime } = IDENTITY;
    const short = JSON.stringify({ instanceId, region, pendingTime, privateIp: null, imageId: 'a\u001b[2J' });
    const parsed = parseIdentity(short);
    expect(parsed).toMatchObject({ ok: true, value: { privateIp: undefined, imageId: 'a\uFFFD[2J' } });
  });
});

test('a wrong credential shows by its key alone', () => {
  const document = { AccessKeyId: 'A', SecretAccessKey: 'secret\r\n', Token: 't', Expiration: '2026-01-01T00:00:00Z' };
  expect(parseCredentials(JSON.stringify(document))).toEqual({
    ok: false,
    problem: 'SecretAccessKey: holds characters that no credential has',
  });
});

test.each([
  ['pool-machine', 'pool-machine'],
  ['first\nsecond', 'first'],
  ['a/../../b', undefined],
  ['a b', undefined],
  ['x'.repeat(65), undefined],
])('role %j', (text, name) => {
  expect(parseRoleName(text)).toMatchObject(name === undefined ? { ok: false } : { ok: true, value: name });
});

/** From the EC2 User Guide, "View scheduled events". */
const REBOOT = {
  NotBefore: '21 Jan 2019 09:00:43 GMT',
  Code: 'system-reboot',
  Description: 'scheduled reboot',
  EventId: 'instance-event-0d59937288b749b32',
  NotAfter: '21 Jan 2019 09:17:23 GMT',
  State: 'active',
};

describe('scheduled events', () => {
  test('as EC2 writes them', () => {
    expect(parseMaintenance(JSON.stringify([REBOOT]))).toEqual({
      ok: true,
      value: [
        {
          kind: 'maintenance',
          atMs: Date.UTC(2019, 0, 21, 9, 0, 43),
          id: 'instance-event-0d59937288b749b32',
          text: 'EC2 has scheduled system-reboot (scheduled reboot)',
        },
      ],
    });
  });

  test.each([
    ['completed', 0],
    ['Canceled', 0],
    ['active', 1],
    ['unheard-of', 1],
    [undefined, 1],
  ])('state %p counts as %p to come', (State, count) => {
    const parsed = parseMaintenance(JSON.stringify([{ ...REBOOT, State }]));
    expect(parsed.ok && parsed.value.length).toBe(count);
  });

  test('an entry that cannot be read hides no other, and is a failure when it is alone', () => {
    const broken = { ...REBOOT, NotBefore: 'soon' };
    const both = parseMaintenance(JSON.stringify([broken, REBOOT]));
    expect(both.ok && both.value.map(({ id }) => id)).toEqual([REBOOT.EventId]);
    expect(parseMaintenance(JSON.stringify([broken, 7]))).toEqual({
      ok: false,
      problem: 'NotBefore: is no date such as 21 Jan 2019 09:00:43 GMT',
    });
    expect(parseMaintenance('{}').ok).toBe(false);
    expect(parseMaintenance('[').ok).toBe(false);
  });

  test('strange text is fit for a log', () => {
    const parsed = parseMaintenance(JSON.stringify([{ ...REBOOT, Description: '\u001b]0;x\u0007' }]));
    expect(parsed.ok && parsed.value[0]?.text).toBe('EC2 has scheduled system-reboot (\uFFFD]0;x\uFFFD)');
  });
});

test('a spot instance that is taken back', () => {
  expect(parseSpotAction('{"action": "terminate", "time": "2017-09-18T08:22:00Z"}')).toEqual({
    ok: true,
    value: [
      {
        kind: 'spot',
        atMs: Date.UTC(2017, 8, 18, 8, 22),
        id: 'spot-terminate-2017-09-18T08:22:00Z',
        text: 'EC2 takes this spot instance back: terminate',
      },
    ],
  });
  expect(parseSpotAction('{"action": "terminate", "time": "soon"}').ok).toBe(false);
  expect(parseSpotAction('{"time": "2017-09-18T08:22:00Z"}').ok).toBe(false);
});

test('a recommendation to rebalance', () => {
  expect(parseRebalance('{"noticeTime": "2020-10-27T08:22:00Z"}')).toEqual({
    ok: true,
    value: [
      {
        kind: 'rebalance',
        atMs: Date.UTC(2020, 9, 27, 8, 22),
        id: 'rebalance-2020-10-27T08:22:00Z',
        text: 'EC2 may soon take this spot instance back',
      },
    ],
  });
  expect(parseRebalance('{"noticeTime": 5}').ok).toBe(false);
});

test('no parser throws, whatever it is given', () => {
  const parsers = [parseIdentity, parseCredentials, parseRoleName, parseMaintenance, parseSpotAction, parseRebalance];
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.json().map((json) => `[${json}]`),
  );
  fc.assert(
    fc.property(text, (input) => {
      for (const parse of parsers)
        expect(typeof (parse as (text: string) => { ok: boolean })(input).ok).toBe('boolean');
    }),
  );
});
