import { NoSuchResourceException } from '@aws-sdk/client-service-quotas';
import { expect, it, vi } from 'vitest';
import { capacities } from '../../infra/config/capacity.ts';
import { neededQuotas, readQuotas, tooSmall } from '../../infra/preflight/quotas.ts';
import { createQuotaReader } from '../../infra/preflight/service-quotas.ts';
import { exitCodes, odometer } from '../../odometer.ts';

vi.setConfig({ testTimeout: 60_000 });

/** GetServiceQuota of a new account, as the service answers it; MSK's was never changed, so only its default is known. */
const recorded: Readonly<Record<string, number>> = {
  'lambda L-B99A9384': 10,
  'apigateway L-8A5B8E43': 10_000,
  'apigateway L-CDF5615A': 5_000,
  'rds L-952B80B8': 40,
  'rds L-7B6409FD': 40,
};
const defaults: Readonly<Record<string, number>> = { 'kafka L-EDD31C36': 90 };

function answering(values: Readonly<Record<string, number>>) {
  const send = async (command: {
    readonly constructor: { readonly name: string };
    readonly input: unknown;
  }) => {
    const { ServiceCode, QuotaCode } = command.input as { ServiceCode: string; QuotaCode: string };
    const table = command.constructor.name === 'GetServiceQuotaCommand' ? values : defaults;
    const Value = table[`${ServiceCode} ${QuotaCode}`];
    if (Value === undefined)
      throw new NoSuchResourceException({ $metadata: {}, message: 'no such quota was applied' });
    return { Quota: { ServiceCode, QuotaCode, Value } };
  };
  // Only `send` is used, and only with the two commands that it answers.
  return createQuotaReader({ send } as unknown as Parameters<typeof createQuotaReader>[0]);
}

it('finds that a new account runs ten functions at once, where every profile reserves hundreds', async () => {
  for (const name of ['1.2M', '5M', '10M'] as const) {
    const missing = tooSmall(await readQuotas(capacities[name], answering(recorded)));
    expect(missing.map(({ code }) => code)).toEqual(['L-B99A9384']);
  }
});

it('finds nothing where the account has what is needed', async () => {
  const raised = { ...recorded, 'lambda L-B99A9384': 2_000 };
  const read = await readQuotas(capacities['1.2M'], answering(raised));
  expect(tooSmall(read)).toEqual([]);
  expect(read.find(({ service }) => service === 'kafka')?.value).toBe(90);
});

it('a quota of exactly what is needed is enough, and one less is not', async () => {
  const [{ needed } = { needed: 0 }] = neededQuotas(capacities['1.2M']);
  const of = async (value: number) =>
    tooSmall(await readQuotas(capacities['1.2M'], answering({ ...recorded, 'lambda L-B99A9384': value })));
  expect(await of(needed)).toEqual([]);
  expect(await of(needed - 1)).toHaveLength(1);
});

it('an answer that is no answer is thrown, and not taken for enough', async () => {
  const broken = createQuotaReader({
    send: async () => ({}),
  } as unknown as Parameters<typeof createQuotaReader>[0]);
  await expect(broken({ service: 'lambda', code: 'L-B99A9384' })).rejects.toThrow('knows no value');
});

it('without credentials prints what is needed, says why nobody was asked, and could not be done', async () => {
  const nothing = {
    AWS_ACCESS_KEY_ID: undefined,
    AWS_SECRET_ACCESS_KEY: undefined,
    AWS_PROFILE: 'of-nobody',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  for (const [name, value] of Object.entries(nothing)) vi.stubEnv(name, value);
  const text = { out: '', err: '' };
  const code = await odometer(['preflight'], {
    out: (part) => {
      text.out += part;
    },
    err: (part) => {
      text.err += part;
    },
  });
  vi.unstubAllEnvs();
  expect(code).toBe(exitCodes.failed);
  expect(text.out).toMatch(/Lambda: concurrent executions +\d+ +not asked +10/);
  expect(text.err).toMatch(/^The account was not asked: .+\n$/);
});
