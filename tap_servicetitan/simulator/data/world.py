"""The simulated business: every collection of every tenant."""

from __future__ import annotations

from collections import defaultdict
from threading import RLock
from typing import TYPE_CHECKING, Any

from tap_servicetitan import schemas
from tap_servicetitan.endpoints.kinds import Capacity, Export, Nested, Window
from tap_servicetitan.endpoints.operations import shape
from tap_servicetitan.simulator.data.capacity_collection import CapacityCollection
from tap_servicetitan.simulator.data.collection import Collection, History
from tap_servicetitan.simulator.data.collection_view import CollectionView
from tap_servicetitan.simulator.data.daily_figures import DailyFigures
from tap_servicetitan.simulator.data.event_collections import AttributedLeads, RowsOfEvents
from tap_servicetitan.simulator.data.nested_collection import (
    CollectionWithItems,
    ItemHistory,
    Items,
    NestedCollection,
    SplitFeed,
)
from tap_servicetitan.simulator.data.report_collection import ReportCollection
from tap_servicetitan.simulator.fake.record_maker import RecordMaker
from tap_servicetitan.simulator.fake.record_view import RecordView
from tap_servicetitan.simulator.fake.references import ITEMS_OF, first_id, listed_as, streams

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from tap_servicetitan.endpoints.kinds import Endpoint
    from tap_servicetitan.simulator.data.clock import Clock
    from tap_servicetitan.simulator.fake.identities import Identities
    from tap_servicetitan.simulator.fake.record_maker import Schema


class World:
    """The collections of all tenants. They change only when the clock moves."""

    def __init__(
        self, tenants: Sequence[int], clock: Clock, identities: Identities, *, can_vanish: AbstractSet[str]
    ) -> None:
        """Make no record yet: a collection is made when it is first needed.

        Args:
            tenants: Ids of the tenants.
            clock: What decides when records change.
            identities: Numbers and ids of the records.
            can_vanish: Streams whose records disappear without a trace when they are deleted.

        Raises:
            ValueError: ``identities`` has a size for an unknown stream.
        """
        self.clock = clock
        self.tenants = tuple(tenants)
        self.identities = identities
        self.endpoints: dict[str, Endpoint] = dict(streams())
        self._like: dict[str, Endpoint] = {}
        """For collections that the table does not have: a stream whose records have the same fields."""
        self._added_fields: defaultdict[str, list[tuple[str, ...]]] = defaultdict(list)
        for name in identities.sizes:
            self.endpoint(name)
        self._can_vanish = can_vanish
        self._lock = RLock()
        self._collections: dict[tuple[int, str], Collection] = {}
        self._views: dict[tuple[int, Endpoint], Collection] = {}

    def endpoint(self, stream: str) -> Endpoint:
        """Return the endpoint of a stream.

        Raises:
            ValueError: There is no such stream.
        """
        try:
            return self.endpoints[stream]
        except KeyError:
            message = f"No stream {stream!r}: there are {', '.join(sorted(self.endpoints))}."
            raise ValueError(message) from None

    def collection(self, tenant_id: int, stream: str) -> Collection:
        """Return a tenant's records of a stream.

        Raises:
            ValueError: There is no such stream or tenant.
        """
        with self._lock:
            key = tenant_id, stream
            if key not in self._collections:
                endpoint = self.endpoint(stream)
                if tenant_id not in self.tenants:
                    message = f"No tenant {tenant_id}: there are {', '.join(map(str, self.tenants))}."
                    raise ValueError(message)
                self._collections[key] = self._make(endpoint, tenant_id)
            return self._collections[key]

    def at_endpoint(self, tenant_id: int, endpoint: Endpoint, record: Schema | None) -> Collection:
        """Return a tenant's records of a stream as another endpoint shows them.

        Args:
            tenant_id: The tenant.
            endpoint: Where they are read; its name is that of the stream.
            record: Schema of a record there; None where it is that of the stream.

        Raises:
            ValueError: There is no such stream or tenant.
        """
        with self._lock:
            key = tenant_id, endpoint
            if key not in self._views:
                self._views[key] = self._view(self.collection(tenant_id, endpoint.name), endpoint, record)
            return self._views[key]

    def add_collection(self, endpoint: Endpoint, like: str) -> None:
        """Have one more collection, with the fields of another.

        Raises:
            ValueError: There is such a stream already, or no stream that it could be like.
        """
        if endpoint.name in self.endpoints:
            message = f"There is a stream {endpoint.name!r} already."
            raise ValueError(message)
        self._like[endpoint.name] = self.endpoint(like)
        self.endpoints[endpoint.name] = endpoint

    def add_field(self, stream: str, path: tuple[str, ...]) -> None:
        """Let the records of a stream have one more field.

        Raises:
            ValueError: There is no such stream.
        """
        shown_by = listed_as(self.endpoint(stream).name)
        items = next((one for one, of in ITEMS_OF.items() if of == shown_by), None)
        if items and path[0] == "items" and path[1:]:
            shown_by, path = items, path[1:]
        self._added_fields[shown_by].append(path)

    @property
    def made(self) -> set[str]:
        """Names of the streams whose collections were needed so far."""
        return {stream for _, stream in self._collections}

    def _view(self, source: Collection, endpoint: Endpoint, record: Schema | None) -> CollectionView:
        stream = source.endpoint
        schema = self._schema(stream)
        if isinstance(stream, Export) and stream.explode:  # A row has its events in a list.
            schema["properties"][stream.explode] = {"type": ["array"], "items": {**schema}}
        view = None if record is None else RecordView(stream.name, schema, record)
        return CollectionView(endpoint, source.tenant_id, source.maker, source.history, source, view)

    def _schema(self, endpoint: Endpoint) -> dict[str, Any]:
        return schemas.load(self._like.get(endpoint.name, endpoint))

    def _make(self, endpoint: Endpoint, tenant_id: int) -> Collection:
        schema = self._schema(endpoint)
        if (of := listed_as(endpoint.name)) != endpoint.name:
            if isinstance(endpoint, Nested):
                return SplitFeed.of(
                    endpoint, self.collection(tenant_id, of), self.collection(tenant_id, endpoint.parent)
                )
            return self._view(self.collection(tenant_id, of), endpoint, _sent(endpoint, schema))
        if endpoint.name in ITEMS_OF:
            return self._with_items(endpoint, tenant_id).items
        if endpoint.name in ITEMS_OF.values():
            items = next(self.endpoint(one) for one, of in ITEMS_OF.items() if of == endpoint.name)
            return self._with_items(items, tenant_id)
        maker = self._maker(endpoint, tenant_id)
        if not isinstance(endpoint, Nested):
            return _collection_type(endpoint)(endpoint, tenant_id, maker, self._history(endpoint, tenant_id))
        parents = self.collection(tenant_id, endpoint.parent)
        distribution = self.identities.distribution(endpoint)
        history = parents.history if distribution.single else self._history(endpoint, tenant_id)
        nested_type = ReportCollection if endpoint.name == "reports" else NestedCollection
        view = None
        if shape(endpoint.url_path) == f"{shape(parents.endpoint.url_path).replace('/export/', '/')}/{{}}":
            view = RecordView(endpoint.parent, self._schema(parents.endpoint), _sent(endpoint, schema))
        return nested_type(endpoint, tenant_id, maker, history, parents, distribution, view)

    def _maker(self, endpoint: Endpoint, tenant_id: int) -> RecordMaker:
        added = self._added_fields[endpoint.name]
        return RecordMaker(endpoint, self._schema(endpoint), self.identities, tenant_id, added)

    def _with_items(self, endpoint: Endpoint, tenant_id: int) -> CollectionWithItems:
        """Return the records that have the items of a stream."""
        key = tenant_id, ITEMS_OF[endpoint.name]
        made = self._collections.get(key)
        if isinstance(made, CollectionWithItems):
            return made
        parent = self.endpoint(ITEMS_OF[endpoint.name])
        records = Collection(parent, tenant_id, self._maker(parent, tenant_id), self._history(parent, tenant_id))
        counts = self.identities.item_counts(endpoint.name)
        history = ItemHistory(records.history, counts)
        items = Items(endpoint, tenant_id, self._maker(endpoint, tenant_id), history, records, counts)
        shown = self._schema(parent)["properties"]["items"]["items"]
        view = RecordView(endpoint.name, _sent(endpoint, self._schema(endpoint)), shown)
        made = CollectionWithItems(parent, tenant_id, records.maker, records.history, items, view)
        self._collections[key] = made
        return made

    def _history(self, endpoint: Endpoint, tenant_id: int) -> History:
        def customer_name(number: int) -> str:
            customers = self.collection(tenant_id, "customers")
            with customers.history.lock:
                return str(customers.make(number - first_id("customers"))["name"])

        loses = endpoint.name in self._can_vanish
        return History(self.clock, endpoint, self.identities, tenant_id, customer_name, loses=loses)


def _collection_type(endpoint: Endpoint) -> type[Collection]:
    if isinstance(endpoint, Export) and endpoint.explode is not None:
        return RowsOfEvents
    if isinstance(endpoint, Window):
        return DailyFigures if endpoint.replication_key == endpoint.start else AttributedLeads
    return CapacityCollection if isinstance(endpoint, Capacity) else Collection


def _sent(endpoint: Endpoint, schema: Schema) -> dict[str, Any]:
    """Return the schema of a stream without the fields that the tap adds."""
    absent = set(endpoint.added_fields) - endpoint.sent_fields
    return {**schema, "properties": {name: one for name, one in schema["properties"].items() if name not in absent}}
