"""From a step's context to the jobs it has to start."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from dagster_spcs.event_log.keys import ATTEMPT_TAG
from dagster_spcs.jobs.batch import with_partitions
from dagster_spcs.jobs.submission import PlannedJob
from dagster_spcs.pipes.context import with_pipes
from dagster_spcs.resource import SpcsJobResource
from dagster_spcs.run.asset_keys import AssetKeys
from dagster_spcs.run.inputs import input_tags
from dagster_spcs.run.mode import RunMode
from dagster_spcs.run.options import StepOptions
from dagster_spcs.run.partition_context import PartitionContext
from dagster_spcs.run.partition_variables import with_partition_variables
from dagster_spcs.run.pipes_context import context_data
from dagster_spcs.spcs.client import SpcsClient
from dagster_spcs.spcs.request import JobRequest


class Planner:
    """Asks the user's function for requests and completes them."""

    def __init__(
        self,
        options: StepOptions,
        asset_keys: AssetKeys,
        context: dg.AssetExecutionContext,
        resource: SpcsJobResource,
        client: SpcsClient,
        mode: RunMode,
    ) -> None:
        self._options = options
        self._asset_keys = asset_keys
        self._context = context
        self._resource = resource
        self._client = client
        self._mode = mode

    def plan(
        self, selected: Sequence[dg.AssetKey], arguments: Mapping[str, Any]
    ) -> list[PlannedJob]:
        """Return a job for each asset and partition, or for all partitions of a batch."""
        partitions: Sequence[str | None] = [None]
        if self._context.has_partition_key:
            partitions = [self._context.partition_key]
        elif self._context.has_partition_key_range:
            partitions = self._context.partition_keys
        if self._options.batch and len(partitions) > 1:
            return self._plan_batch(selected, arguments)
        planned = []
        for partition in partitions:
            context = (
                self._context if partition is None else PartitionContext(self._context, partition)
            )
            requests = self._options.build(context, arguments)
            for key in selected:
                request = self._checked(key, self._asset_keys.request_of(key, requests))
                if isinstance(context, PartitionContext):
                    request = with_partition_variables(request, context)
                if self._options.batch and partition is not None:
                    request = with_partitions(request, [partition])
                if self._options.pipes:
                    data = context_data(context, key, partition, request.extras)
                    request = with_pipes(request, data, self._client, self._resource.pipes_stage)
                planned.append(self._planned(key, request, partition))
        return planned

    def _plan_batch(
        self, selected: Sequence[dg.AssetKey], arguments: Mapping[str, Any]
    ) -> list[PlannedJob]:
        requests = self._options.build(self._context, arguments)
        partitions = tuple(map(str, self._context.partition_keys))
        return [
            self._planned(
                key,
                with_partitions(
                    self._checked(key, self._asset_keys.request_of(key, requests)), partitions
                ),
                None,
                partitions,
            )
            for key in selected
        ]

    def _checked(self, key: dg.AssetKey, request: object) -> JobRequest:
        if request is None:
            raise TypeError(
                f"the function returned no JobRequest for asset {key.to_user_string()}, which is"
                " selected"
            )
        if not isinstance(request, JobRequest):
            raise TypeError(
                f"the function of asset {key.to_user_string()} returned"
                f" {type(request).__name__} for it; it must return a JobRequest"
            )
        if request.query_warehouse is None and self._resource.query_warehouse is not None:
            request = request.model_copy(update={"query_warehouse": self._resource.query_warehouse})
        return request

    def _planned(
        self,
        key: dg.AssetKey,
        request: JobRequest,
        partition: str | None,
        partitions: tuple[str, ...] = (),
    ) -> PlannedJob:
        pool = request.compute_pool or self._options.compute_pool or self._resource.compute_pool
        if pool is None:
            raise dg.Failure(
                f"No compute pool for asset {key.to_user_string()}: name one in the"
                " JobRequest, in spcs_job_asset(compute_pool=…) or in SpcsJobResource."
            )
        run = self._context.run
        return PlannedJob(
            request=request,
            compute_pool=pool,
            asset=tuple(key.path),
            partition=partition,
            run_id=run.run_id,
            attempt=int(run.tags.get(ATTEMPT_TAG, "0")),
            blocking=self._mode.blocking,
            resource_key=self._options.resource_key,
            pipes=self._options.pipes,
            partitions=partitions,
            code_version=self._context.assets_def.code_versions_by_key.get(key),
            inputs=input_tags(self._context, key),
        )
