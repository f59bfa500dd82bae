/** What an administrator asks the API for. */
import { z } from 'zod';
import { scopes } from '../../shared/callers/caller.ts';
import { type Endpoints, endpointsFileOf } from '../../shared/contracts/endpoints.ts';
import { readJson } from '../processes/atomic-file.ts';
import { UserError } from '../processes/user-error.ts';
import { loadSecrets } from '../servers/secrets.ts';
import { twinSettings } from '../settings.ts';
import { issueToken } from '../token-issuer.ts';

/** Where, and as whom; by default the local twin, as somebody who may do everything there. */
export interface Administration {
  readonly url?: string;
  readonly token?: string;
}

export interface Question {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: object;
}

const answerMs = 30_000;
const endpointsSchema: z.ZodType<Pick<Endpoints, 'api'>> = z.object({ api: z.string() });
const problemSchema = z.looseObject({
  code: z.string(),
  detail: z.string(),
  errors: z.array(z.looseObject({ message: z.string() })).default([]),
});

/** Sends one request and returns its answer, in the shape that is expected. Throws a UserError for any other. */
export async function askAdministrators<T>(
  { method, path, body }: Question,
  shape: z.ZodType<T>,
  { url = twinUrl(), token }: Administration,
): Promise<T> {
  const authorization = `Bearer ${token ?? (await twinToken())}`;
  const headers = { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
  const request = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const answer = await fetch(new URL(path, url), { ...request, signal: AbortSignal.timeout(answerMs) }).catch(
    (cause: unknown) => {
      throw new UserError(`${url} does not answer.`, { cause });
    },
  );
  const text = await answer.text();
  if (answer.ok) return shape.parse(JSON.parse(text));
  throw new UserError(failureOf(answer.status, text));
}

// Same type: a status line comes before its body.
function failureOf(status: number, text: string): string {
  const parsed = problemSchema.safeParse(jsonOf(text));
  if (!parsed.success) return `The API answers ${status}: ${text.slice(0, 200)}`;
  const { code, detail, errors } = parsed.data;
  return [`${code}: ${detail}`, ...errors.map(({ message }) => message)].join('\n');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function twinUrl(): string {
  const { dataDir } = twinSettings();
  const endpoints = endpointsSchema.safeParse(readJson(endpointsFileOf(dataDir)));
  if (endpoints.success) return endpoints.data.api;
  throw new UserError(`No twin runs in ${dataDir}: start one with npm start, or name an API with --url.`);
}

function twinToken(): Promise<string> {
  const request = { caller: 'odometer-keys', scope: scopes.join(' '), organizations: '*', hours: 1 } as const;
  return issueToken(loadSecrets(twinSettings().dataDir)['jwt-secret'], request);
}
