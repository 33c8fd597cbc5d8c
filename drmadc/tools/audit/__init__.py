"""`drmadc audit`: is the derivative right, is the approximation close, does it predict the outer step?"""
