/** The steps of a commit between which a process can die; fault tests stop a real flusher at each. */
export type CommitStep = 'before-compare-and-set' | 'after-copy' | 'before-commit' | 'after-commit';

/** Called at every step; production passes one that returns at once. */
export type Checkpoint = (step: CommitStep, partition: number) => Promise<void>;

export const noCheckpoint: Checkpoint = async () => {};
