import { expect, it } from 'vitest';
import { startedAhead } from '../../shared/runtime/process/function-start.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

const ahead = { AWS_LAMBDA_INITIALIZATION_TYPE: 'provisioned-concurrency' };

function counted(start: () => Promise<string>) {
  let starts = 0;
  const started = () => {
    starts += 1;
    return start();
  };
  return { fn: { logger: new FakeLogger(), started }, starts: () => starts };
}

it('an environment that is made ahead of requests starts before the first one, and only such a one', async () => {
  const { fn, starts } = counted(async () => 'started');
  await startedAhead(fn, { AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand' });
  await startedAhead(fn, {});
  expect(starts()).toBe(0);
  expect(await startedAhead(fn, ahead)).toBe(fn);
  expect(starts()).toBe(1);
});

it('a start that fails ahead of requests is left to the first one, so that a deployment does not hang on it', async () => {
  const { fn } = counted(async () => {
    throw new Error('no secrets yet');
  });
  await expect(startedAhead(fn, ahead)).resolves.toBe(fn);
});
