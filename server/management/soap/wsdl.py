"""What describes the service to programs (WSDL 1.1): in pieces and in one, as existing clients fetch it."""

from collections.abc import Iterator

from server.management.soap.dialects import ASMX, NAMESPACE, SVC, Dialect
from server.management.soap.operations import OPERATIONS
from server.management.soap.schemas import Schemas
from server.management.soap.xml_writer import escaped

_TEMPURI = "http://tempuri.org/"
_WS = "urn:videoos:management:server:servercommandservice"
_BASIC = "BasicHttpBinding_IServerCommandService"
_SECURE = "WSHttpBinding_IServerCommandService"
_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'


def svc_document(query: str, address: str) -> str | None:
    """Return the document that the query of a `.svc` asks for; None when there is none. `address`: of the service."""
    at = escaped(address)
    schemas = Schemas(SVC)
    match query.lower():
        case "wsdl":
            return _split_root(at)
        case "wsdl=wsdl0":
            return _definitions(NAMESPACE, _schema_imports(at) + _messages() + _port_type("IServerCommandService"))
        case "wsdl=wsdl1":
            inside = _import(NAMESPACE, f"{at}?wsdl=wsdl0")
            return _definitions(_WS, inside + _binding(_SECURE, "IServerCommandService", SVC, version="soap12"))
        case "singlewsdl":
            return _whole(SVC, at, "IServerCommandService", _BASIC)
        case "xsd=xsd0":
            return _DECLARATION + schemas.main(f"{at}?xsd=xsd1", f"{at}?xsd=xsd2")
        case "xsd=xsd1":
            return _DECLARATION + schemas.guids()
        case "xsd=xsd2":
            return _DECLARATION + schemas.arrays(f"{at}?xsd=xsd1")
        case _:
            return None


def asmx_document(query: str, address: str) -> str | None:
    """Return the document that the query of the `.asmx` asks for; None when there is none."""
    if query.lower() not in ("wsdl", "singlewsdl"):
        return None
    return _whole(ASMX, escaped(address), "ServerCommandServiceSoap", "ServerCommandServiceSoap")


def _whole(dialect: Dialect, address: str, port_type: str, binding: str) -> str:
    schemas = Schemas(dialect)
    arrays = schemas.arrays() if dialect.prefixed_arrays else ""
    types = f"<wsdl:types>{schemas.guids()}{arrays}{schemas.main()}</wsdl:types>"
    inside = (types, _messages(), _port_type(port_type), _binding(binding, port_type, dialect))
    return _definitions(NAMESPACE, "".join((*inside, _service(binding, address))))


def _split_root(at: str) -> str:
    imports = _import(NAMESPACE, f"{at}?wsdl=wsdl0") + _import(_WS, f"{at}?wsdl=wsdl1")
    return _definitions(_TEMPURI, imports + _binding(_BASIC, "IServerCommandService", SVC) + _service(_BASIC, at))


def _definitions(namespace: str, inside: str) -> str:
    return (
        f'{_DECLARATION}<wsdl:definitions name="ServerCommandService" xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" '
        'xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/" '
        f'xmlns:tns="{namespace}" xmlns:i0="{NAMESPACE}" targetNamespace="{namespace}">{inside}</wsdl:definitions>'
    )


def _import(namespace: str, location: str) -> str:
    return f'<wsdl:import namespace="{namespace}" location="{location}"/>'


def _schema_imports(at: str) -> str:
    return (
        '<wsdl:types><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" '
        f'targetNamespace="{NAMESPACE}/Imports">'
        f'<xs:import schemaLocation="{at}?xsd=xsd0" namespace="{NAMESPACE}"/></xs:schema></wsdl:types>'
    )


def _messages() -> str:
    return "".join(_message(each.name, "Input", "") + _message(each.name, "Output", "Response") for each in OPERATIONS)


def _message(operation: str, way: str, suffix: str) -> str:
    return (
        f'<wsdl:message name="{_message_name(operation, way)}">'
        f'<wsdl:part name="parameters" element="i0:{operation}{suffix}"/></wsdl:message>'
    )


def _message_name(operation: str, way: str) -> str:
    return f"IServerCommandService_{operation}_{way}Message"


def _port_type(name: str) -> str:
    def operations() -> Iterator[str]:
        for each in OPERATIONS:
            inputs, outputs = (f"i0:{_message_name(each.name, way)}" for way in ("Input", "Output"))
            yield (
                f'<wsdl:operation name="{each.name}"><wsdl:input message="{inputs}"/>'
                f'<wsdl:output message="{outputs}"/></wsdl:operation>'
            )

    return f'<wsdl:portType name="{name}">{"".join(operations())}</wsdl:portType>'


def _binding(name: str, port_type: str, dialect: Dialect, version: str = "soap") -> str:
    body = f'<{version}:body use="literal"/>'
    operations = "".join(
        f'<wsdl:operation name="{each.name}">'
        f'<{version}:operation soapAction="{dialect.action}{each.name}" style="document"/>'
        f"<wsdl:input>{body}</wsdl:input><wsdl:output>{body}</wsdl:output></wsdl:operation>"
        for each in OPERATIONS
    )
    return (
        f'<wsdl:binding name="{name}" type="i0:{port_type}">'
        f'<{version}:binding transport="http://schemas.xmlsoap.org/soap/http"/>{operations}</wsdl:binding>'
    )


def _service(binding: str, address: str) -> str:
    return (
        f'<wsdl:service name="ServerCommandService"><wsdl:port name="{binding}" binding="tns:{binding}">'
        f'<soap:address location="{address}"/></wsdl:port></wsdl:service>'
    )
