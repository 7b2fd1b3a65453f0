import { AppError } from '../lib/errors.ts';
import { Secret } from '../lib/secret.ts';
import { type AwsDeps, awsCall } from './aws-call.ts';

/** Where the pool's token is kept: a parameter of Systems Manager or a secret of Secrets Manager. */
export interface TokenSource {
  readonly service: 'ssm' | 'secretsmanager';
  readonly name: string;
}

/** Reads `ssm:NAME` or `secretsmanager:NAME`. Throws `AppError` (USAGE). */
export function parseTokenSource(text: string): TokenSource {
  const match = /^(ssm|secretsmanager):([A-Za-z0-9/_+=.@:-]{1,2048})$/.exec(text);
  const [, service, name] = match ?? [];
  if ((service === 'ssm' || service === 'secretsmanager') && name !== undefined) return { service, name };
  throw new AppError('USAGE', `"${text}" is no source of a token`, {
    hint: 'write ssm:NAME or secretsmanager:NAME',
  });
}

/** GetParameter and GetSecretValue, as their API references write them (JSON 1.1). */
const CALLS = {
  ssm: { target: 'AmazonSSM.GetParameter', body: (name: string) => ({ Name: name, WithDecryption: true }) },
  secretsmanager: { target: 'secretsmanager.GetSecretValue', body: (name: string) => ({ SecretId: name }) },
} as const;

function valueIn(text: string): string {
  try {
    const answer = JSON.parse(text) as { Parameter?: { Value?: unknown }; SecretString?: unknown } | null;
    const value = answer?.Parameter?.Value ?? answer?.SecretString;
    return typeof value === 'string' ? value.trim() : '';
  } catch {
    return ''; // a body that is no JSON holds no token either
  }
}

/** Reads the token with the instance's role. Throws `AppError` (UNAVAILABLE, CONFIG); no error ever holds the token. */
export async function fetchToken({ service, name }: TokenSource, deps: AwsDeps, signal: AbortSignal): Promise<Secret> {
  const { target, body } = CALLS[service];
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target };
  const answer = await awsCall(deps, { service, headers, body: JSON.stringify(body(name)) }, signal);
  if (!answer.ok) {
    throw new AppError('UNAVAILABLE', `the token ${service}:${name} could not be read: ${answer.problem}`, {
      hint: `let the instance's role ${service === 'ssm' ? 'ssm:GetParameter' : 'secretsmanager:GetSecretValue'} it`,
    });
  }
  const value = valueIn(answer.value);
  if (value !== '' && !/\s/.test(value)) return new Secret(value);
  throw new AppError('CONFIG', `${service}:${name} does not hold a token`, {
    hint: 'it must hold the token alone, on one line',
  });
}
