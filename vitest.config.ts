import { defineConfig } from 'vitest/config';

/** Each file is looked at after its last test: what it leaves open or behind makes it fail. */
const leaks = { setupFiles: ['test/harness/leaks/check-leaks.ts'] };

const realServers = {
  ...leaks,
  globalSetup: ['test/harness/servers/servers.ts'],
  // One set of servers: files take turns, so that a file that kills a server disturbs no other.
  fileParallelism: false,
  testTimeout: 60_000,
  hookTimeout: 120_000,
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{unit,property,tidy}/**/*.test.ts'],
          testTimeout: 20_000,
          ...leaks,
        },
      },
      {
        // Ten thousand histories on two threads of its own.
        test: {
          name: 'simulation',
          include: ['test/simulation/**/*.test.ts'],
          ...leaks,
          fileParallelism: false,
          testTimeout: 900_000,
        },
      },
      {
        // One process that loads CDK once: the files share what is synthesized.
        test: {
          name: 'infra',
          include: ['test/infra/**/*.test.ts'],
          ...leaks,
          isolate: false,
          fileParallelism: false,
          testTimeout: 120_000,
        },
      },
      { test: { name: 'integration', include: ['test/integration/**/*.test.ts'], ...realServers } },
      {
        test: {
          name: 'fault',
          include: ['test/fault/**/*.test.ts'],
          ...realServers,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        // The stacks deployed to an emulator; its one file starts what it needs.
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          ...leaks,
          testTimeout: 150_000,
          hookTimeout: 300_000,
        },
      },
      {
        // What is around the pipeline: proxy, monitoring, failover, load. Each file starts what it needs.
        test: {
          name: 'ops',
          include: ['test/ops/**/*.test.ts'],
          ...leaks,
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
