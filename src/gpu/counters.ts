/** Exact counts of what the engine asked of WebGPU since the device was made; plain numbers, copied freely. */
export interface GpuCounters {
  dispatches: number;
  workgroups: number;
  passes: number;
  submits: number;
  readbacks: number;
  readbackBytes: number;
  uploads: number;
  uploadBytes: number;
  pipelinesCreated: number;
  buffersCreated: number;
  buffersDestroyed: number;
  bindGroupsCreated: number;
}

export function newCounters(): GpuCounters {
  return {
    dispatches: 0,
    workgroups: 0,
    passes: 0,
    submits: 0,
    readbacks: 0,
    readbackBytes: 0,
    uploads: 0,
    uploadBytes: 0,
    pipelinesCreated: 0,
    buffersCreated: 0,
    buffersDestroyed: 0,
    bindGroupsCreated: 0,
  };
}

/** What happened between two snapshots, `after - before` in every field. */
export function countersSince(before: Readonly<GpuCounters>, after: Readonly<GpuCounters>): GpuCounters {
  const result = newCounters();
  for (const key of Object.keys(result) as (keyof GpuCounters)[]) result[key] = after[key] - before[key];
  return result;
}
