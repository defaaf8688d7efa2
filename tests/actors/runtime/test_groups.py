from actors.runtime.groups import leaves


def test_the_errors_in_nested_groups_come_in_order() -> None:
    first, second, third = ValueError("1"), KeyError("2"), SystemExit(3)
    group = BaseExceptionGroup("outer", [ExceptionGroup("inner", [first, second]), third])
    assert list(leaves(group)) == [first, second, third]


def test_an_error_that_is_no_group_is_its_own_only_leaf() -> None:
    error = ValueError("1")
    assert list(leaves(error)) == [error]
