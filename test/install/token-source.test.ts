import { describe, expect, test } from 'bun:test';
import type { AwsDeps } from '../../src/install/aws-call.ts';
import { readShutdownBehaviour } from '../../src/install/shutdown-behaviour.ts';
import { fetchToken, parseTokenSource } from '../../src/install/token-source.ts';
import { AppError } from '../../src/lib/errors.ts';
import { Secret } from '../../src/lib/secret.ts';
import { systemClock } from '../../src/platform/clock.ts';

const never = new AbortController().signal;

interface Seen {
  url: string;
  headers: Record<string, string>;
  body: string;
}

function aws(status: number, body: string, change: Partial<AwsDeps> = {}) {
  const seen: Seen[] = [];
  const deps: AwsDeps = {
    region: 'eu-central-1',
    credentials: () =>
      Promise.resolve({
        ok: true,
        value: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: new Secret('key'), sessionToken: new Secret('session') },
        dateMs: Date.UTC(2026, 0, 2, 3, 4, 5),
      }),
    fetch: (url, init) => {
      seen.push({ url, headers: init.headers as Record<string, string>, body: String(init.body) });
      return Promise.resolve(new Response(body, { status }));
    },
    clock: systemClock,
    ...change,
  };
  return { deps, seen };
}

describe('the source as it is written', () => {
  test.each([
    ['ssm:/pool/token', 'ssm', '/pool/token'],
    [
      'secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:pool-AbCdEf',
      'secretsmanager',
      'arn:aws:secretsmanager:eu-central-1:123456789012:secret:pool-AbCdEf',
    ],
  ])('%s', (text, service, name) => {
    expect(parseTokenSource(text)).toEqual({ service, name } as never);
  });

  test.each(['', 'ssm', 'ssm:', 'vault:x', 'ssm:a b', 'file:/etc/token'])('"%s" is refused', (text) => {
    expect(() => parseTokenSource(text)).toThrow(AppError);
  });
});

describe('the token', () => {
  test('from a parameter, decrypted, with the role of the instance', async () => {
    const { deps, seen } = aws(200, '{"Parameter":{"Name":"/p","Value":"t0ken\\n"}}');
    const token = await fetchToken({ service: 'ssm', name: '/p' }, deps, never);
    expect([token.reveal(), `${token}`]).toEqual(['t0ken', '***']);
    expect(seen[0]?.url).toBe('https://ssm.eu-central-1.amazonaws.com/');
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ Name: '/p', WithDecryption: true });
    expect(seen[0]?.headers).toMatchObject({
      'x-amz-target': 'AmazonSSM.GetParameter',
      'x-amz-security-token': 'session',
      'x-amz-date': '20260102T030405Z',
    });
    expect(seen[0]?.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/20260102\/eu-central-1\/ssm\/aws4_request, /,
    );
  });

  test('from a secret', async () => {
    const { deps, seen } = aws(200, '{"SecretString":"t0ken"}', { endpoint: 'http://127.0.0.1:9/' });
    expect((await fetchToken({ service: 'secretsmanager', name: 'pool' }, deps, never)).reveal()).toBe('t0ken');
    expect([seen[0]?.url, seen[0]?.body]).toEqual(['http://127.0.0.1:9/', '{"SecretId":"pool"}']);
  });

  test.each([
    [
      'no rights',
      400,
      '{"__type":"AccessDeniedException","message":"not allowed"}',
      69,
      /AccessDeniedException: not allowed/,
    ],
    ['no JSON', 200, '<html>', 78, /does not hold a token/],
    ['empty', 200, '{"Parameter":{"Value":""}}', 78, /does not hold a token/],
    ['two lines', 200, '{"SecretString":"top secret"}', 78, /does not hold a token/],
    ['null', 200, 'null', 78, /does not hold a token/],
  ])('%s: one sentence without the value', async (_title, status, body, exitCode, sentence) => {
    const failed = await fetchToken({ service: 'ssm', name: '/p' }, aws(status, body).deps, never).catch(
      (error: unknown) => error,
    );
    expect(failed).toMatchObject({ exitCode, message: expect.stringMatching(sentence) });
    expect(String(failed)).not.toContain('top secret');
  });

  test('without a role', async () => {
    const { deps } = aws(200, '', {
      credentials: () => Promise.resolve({ ok: false, problem: 'the instance has no role' }),
    });
    const failed = await fetchToken({ service: 'ssm', name: '/p' }, deps, never).catch((error: unknown) => error);
    expect(failed).toMatchObject({ exitCode: 69, message: expect.stringContaining('no role') });
  });
});

describe('shutdown behaviour', () => {
  const xml = (value: string) =>
    `<DescribeInstanceAttributeResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><instanceId>i-1</instanceId><instanceInitiatedShutdownBehavior><value>${value}</value></instanceInitiatedShutdownBehavior></DescribeInstanceAttributeResponse>`;

  test('is what EC2 says', async () => {
    const { deps, seen } = aws(200, xml('terminate'));
    expect(await readShutdownBehaviour('i-1', deps, never)).toMatchObject({ ok: true, value: 'terminate' });
    expect(seen[0]?.body).toBe(
      'Action=DescribeInstanceAttribute&Attribute=instanceInitiatedShutdownBehavior&InstanceId=i-1&Version=2016-11-15',
    );
  });

  test('or why it cannot be read', async () => {
    const refused =
      '<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>';
    expect(await readShutdownBehaviour('i-1', aws(403, refused).deps, never)).toEqual({
      ok: false,
      problem: 'ec2 answered 403 UnauthorizedOperation: no',
    });
    expect((await readShutdownBehaviour('i-1', aws(200, '<x/>').deps, never)).ok).toBe(false);
  });
});
