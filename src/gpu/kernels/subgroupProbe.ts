import source from '../../../shaders/forward/subgroup_probe.wgsl?raw';
import { defineKernel } from '../kernel.ts';

/** Says whether threads of a subgroup are neighbours in their workgroup; needs the `subgroups` feature. */
export const subgroupProbeKernel = defineKernel({
  name: 'forward/subgroup_probe',
  source,
  bindings: { out: 'read_write' },
  params: { threads: 'u32' },
});
