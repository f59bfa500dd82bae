import {
  GetAWSDefaultServiceQuotaCommand,
  GetServiceQuotaCommand,
  NoSuchResourceException,
  type ServiceQuotasClient,
} from '@aws-sdk/client-service-quotas';
import type { ReadQuota } from './quotas.ts';

/** Asks Service Quotas what the account has, and for a quota that was never changed what every account has. */
export function createQuotaReader(client: Pick<ServiceQuotasClient, 'send'>): ReadQuota {
  return async ({ service: ServiceCode, code: QuotaCode }) => {
    const one = { ServiceCode, QuotaCode };
    const found = await client.send(new GetServiceQuotaCommand(one)).catch((error: unknown) => {
      if (error instanceof NoSuchResourceException)
        return client.send(new GetAWSDefaultServiceQuotaCommand(one));
      throw error;
    });
    const value = found.Quota?.Value;
    if (value === undefined) throw new Error(`Service Quotas knows no value of ${ServiceCode} ${QuotaCode}`);
    return value;
  };
}
