import { type ApiKeyQuestion, apiKeyQuestion } from '../../shared/callers/api-key-message.ts';
import { OdometerError } from '../../shared/errors.ts';

/** Throws `config_invalid`: nobody but the authorizer may ask, and it knows how. */
export function fromAuthorizerQuestion(event: unknown): ApiKeyQuestion {
  const parsed = apiKeyQuestion.safeParse(event);
  if (parsed.success) return parsed.data;
  throw new OdometerError('config_invalid', 'not a question of the authorizer', { retryable: false });
}
