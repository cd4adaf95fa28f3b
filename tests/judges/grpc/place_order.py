"""Places an order over gRPC with a client that is made of the files in `api/grpc/proto/`, reads it back, follows the log
to it, and is refused as HTTP would refuse it.

The environment says where the server is, and has tokens of two roles.
"""

import os
import sys
import uuid

import grpc
from daybook.v1 import events_pb2, events_pb2_grpc, orders_pb2, orders_pb2_grpc
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

SKU = "TEA-EARL-GREY"
with open(os.environ["CA_FILE"], "rb") as file:
    authority = grpc.ssl_channel_credentials(file.read())


def channel(role):
    token = grpc.access_token_call_credentials(os.environ[role.upper()])
    return grpc.secure_channel(os.environ["DOOR"], grpc.composite_channel_credentials(authority, token))


def order(key, quantity, lines=1):
    line = orders_pb2.PlaceOrderLine(sku=SKU, quantity=quantity)
    return orders_pb2.PlaceOrderRequest(idempotency_key=key, lines=[line] * lines, currency="EUR")


def same(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: {found} and not {wanted}")


def refused(what, deed, code, reason):
    try:
        deed()
    except grpc.RpcError as error:
        info = ErrorInfo()
        details = rpc_status.from_call(error).details
        found = [info.reason for detail in details if detail.Unpack(info)]
        same(what, (error.code(), found), (code, [reason]))
        return
    sys.exit(f"{what} is not refused")


orders = orders_pb2_grpc.OrderServiceStub(channel("customer"))
key = str(uuid.uuid4())
placed = orders.PlaceOrder(order(key, 1), timeout=10)
again = orders.PlaceOrder(order(key, 1), timeout=10)
same("the same order", (again.replayed, again.order, again.position), (True, placed.order, placed.position))
asked = orders_pb2.GetOrderRequest(id=placed.order.id, min_position=placed.position)
found = orders.GetOrder(asked, timeout=10).order
same("the order", (found.status, found.total), (orders_pb2.ORDER_STATUS_PLACED, placed.order.total))

much = order(str(uuid.uuid4()), 100_000, lines=2_000)
refused("too much", lambda: orders.PlaceOrder(much), grpc.StatusCode.FAILED_PRECONDITION, "insufficient_stock")
cancel = orders_pb2.CancelOrderRequest(id=found.id, idempotency_key=str(uuid.uuid4()))
missing = grpc.StatusCode.INVALID_ARGUMENT, "validation_failed"
refused("no lines", lambda: orders.CancelOrder(cancel), *missing)

events = events_pb2_grpc.EventServiceStub(channel("analyst"))
behind = events_pb2.FollowEventsRequest(after=placed.position - 2, types=["OrderPlaced"])
for said in events.FollowEvents(behind, timeout=10):
    if said.event.stream == f"order/{found.id}":
        break
